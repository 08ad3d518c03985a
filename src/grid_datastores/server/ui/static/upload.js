// Sends an upload from its page: shows how far it is, can be stopped, and keeps what was chosen when it is refused.
// Without it the form works all the same.
"use strict";

const form = document.getElementById("upload");
const refused = document.getElementById("refused");
const progress = document.getElementById("progress");
const sent = document.getElementById("sent");
const percent = document.getElementById("percent");
const announced = document.getElementById("announced");
const stopping = document.getElementById("stop");
const SENT = "Sent. The server is checking and storing it…";
const UNKNOWN = "The connection broke after all was sent. Look among your datastores whether the version was made.";

function wait(waiting) {
  progress.hidden = !waiting;
  for (const field of form.elements) {
    field.disabled = waiting && field !== stopping;
  }
}

// What the server or this script says against it stands above the form, which stays as it is.
function refuse(alert) {
  wait(false);
  announced.textContent = "";
  refused.replaceChildren(alert);
  alert.focus();
}

function say(sentence) {
  const alert = document.createElement("div");
  const words = document.createElement("p");
  alert.className = "problem";
  alert.setAttribute("role", "alert");
  alert.tabIndex = -1;
  words.className = "said";
  words.textContent = sentence;
  alert.append(words);
  refuse(alert);
}

// One request of this page; `done` gets it, unless it was refused.
function ask(method, done) {
  const request = new XMLHttpRequest();
  request.open(method, form.action);
  request.setRequestHeader("X-Requested-With", "XMLHttpRequest");
  request.addEventListener("error", () => say(stopping.hidden ? UNKNOWN : "The connection broke. Nothing was kept."));
  request.addEventListener("abort", () => say("You stopped it. Nothing was kept."));
  request.addEventListener("load", () => {
    const page = new DOMParser().parseFromString(request.responseText, "text/html");
    const alert = page.querySelector("[role=alert]");
    const full = page.querySelector("#refused [role=alert]"); // said of the form before anything was sent
    if (request.status < 400 && !full) {
      done(request);
    } else if (alert) {
      refuse(document.adoptNode(alert));
    } else {
      say("The server did not take it. Nothing was kept; send it again.");
    }
  });
  stopping.onclick = () => request.abort();
  return request;
}

// The form with the path of each file percent-encoded. A browser alone writes a quotation mark as %22, and a real %22 too.
function unmistakable(content) {
  const sent = new FormData();
  const entries = [...content];
  entries.filter(([, value]) => !(value instanceof File)).forEach(([field, value]) => sent.append(field, value));
  sent.append("encoded-paths", "yes");
  for (const [field, value] of entries) {
    if (value instanceof File && value.name) {
      sent.append(field, value, encodeURIComponent(value.webkitRelativePath || value.name));
    }
  }
  return sent;
}

function tell({ loaded, total }) {
  const share = total ? Math.floor((100 * loaded) / total) : 100;
  sent.value = share;
  percent.textContent = share < 100 ? `${share} %` : SENT;
  stopping.hidden = share === 100; // from here on the server goes on without this page
  const quarter = share < 100 ? `${share - (share % 25)} % sent` : SENT;
  if (announced.textContent !== quarter) {
    announced.textContent = quarter;
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  refused.replaceChildren();
  if (!form.elements.folder.files.length && !form.elements.files.files.length) {
    say("Choose at least one file, or a folder with a file in it.");
    return;
  }
  const content = new FormData(form);
  sent.value = 0;
  percent.textContent = "0 %";
  stopping.hidden = false;
  wait(true);
  progress.focus();
  // First whether you are still signed in: not after gigabytes have been sent.
  ask("GET", () => {
    const upload = ask("POST", ({ responseURL }) => window.location.assign(responseURL));
    upload.upload.addEventListener("progress", tell);
    upload.send(unmistakable(content));
  }).send();
});
