// Sends the upload form with progress and a Stop button, and keeps the chosen files after a refusal.
// The form also works without this script.
"use strict";

const form = document.getElementById("upload");
const refused = document.getElementById("refused");
const progress = document.getElementById("progress");
const bar = document.getElementById("sent");
const percent = document.getElementById("percent");
const announced = document.getElementById("announced");
const stopButton = document.getElementById("stop");
const SENT = "Sent. The server is checking and storing it…";
const RESULT_UNKNOWN = "The connection broke after everything was sent. Look at your datastores to see whether the version exists.";
const NOT_STORED = "Nothing was stored. Try again.";

function setBusy(busy) {
  progress.hidden = !busy;
  for (const field of form.elements) {
    field.disabled = busy && field !== stopButton;
  }
}

// Shows an alert above the form, which keeps its content.
function showAlert(alert) {
  setBusy(false);
  announced.textContent = "";
  refused.replaceChildren(alert);
  alert.focus();
}

function showMessage(message) {
  const alert = document.createElement("div");
  const text = document.createElement("p");
  alert.className = "problem";
  alert.setAttribute("role", "alert");
  alert.tabIndex = -1;
  text.className = "said";
  text.textContent = message;
  alert.append(text);
  showAlert(alert);
}

// Creates a request to the form's URL. Calls `done` with it on success and shows an alert on failure.
function sendRequest(method, done) {
  const request = new XMLHttpRequest();
  request.open(method, form.action);
  request.setRequestHeader("X-Requested-With", "XMLHttpRequest");
  request.addEventListener("error", () => showMessage(stopButton.hidden ? RESULT_UNKNOWN : `The connection broke. ${NOT_STORED}`));
  request.addEventListener("abort", () => showMessage("You stopped the upload. Nothing was stored."));
  request.addEventListener("load", () => {
    const page = new DOMParser().parseFromString(request.responseText, "text/html");
    const alert = page.querySelector("[role=alert]");
    const refusal = page.querySelector("#refused [role=alert]"); // the form page itself says that no upload is possible
    if (request.status < 400 && !refusal) {
      done(request);
    } else if (alert) {
      showAlert(document.adoptNode(alert));
    } else {
      showMessage(`The server refused the upload. ${NOT_STORED}`);
    }
  });
  stopButton.onclick = () => request.abort();
  return request;
}

// Returns the form with each path percent-encoded. Browsers write both a quotation mark and a literal %22 as %22.
function withEncodedPaths(content) {
  const encoded = new FormData();
  const entries = [...content];
  entries.filter(([, value]) => !(value instanceof File)).forEach(([field, value]) => encoded.append(field, value));
  encoded.append("encoded-paths", "yes");
  for (const [field, value] of entries) {
    if (value instanceof File && value.name) {
      encoded.append(field, value, encodeURIComponent(value.webkitRelativePath || value.name));
    }
  }
  return encoded;
}

function showProgress({ loaded, total }) {
  const share = total ? Math.floor((100 * loaded) / total) : 100;
  bar.value = share;
  percent.textContent = share < 100 ? `${share} %` : SENT;
  stopButton.hidden = share === 100; // the server now continues without this page
  const quarter = share < 100 ? `${share - (share % 25)} % sent` : SENT;
  if (announced.textContent !== quarter) {
    announced.textContent = quarter;
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  refused.replaceChildren();
  if (!form.elements.folder.files.length && !form.elements.files.files.length) {
    showMessage("Choose at least one file, or a folder with a file in it.");
    return;
  }
  const content = new FormData(form);
  bar.value = 0;
  percent.textContent = "0 %";
  stopButton.hidden = false;
  setBusy(true);
  progress.focus();
  // Check that the session still exists before gigabytes are sent.
  sendRequest("GET", () => {
    const upload = sendRequest("POST", ({ responseURL }) => window.location.assign(responseURL));
    upload.upload.addEventListener("progress", showProgress);
    upload.send(withEncodedPaths(content));
  }).send();
});
