// Shows how much of an upload has been sent. Without it the form works all the same.
"use strict";

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.id !== "upload") {
    return;
  }
  const request = new XMLHttpRequest();
  const sent = document.getElementById("sent");
  const percent = document.getElementById("percent");
  event.preventDefault();
  document.getElementById("progress").hidden = false;
  form.querySelector("button").disabled = true;

  request.upload.addEventListener("progress", ({ loaded, total }) => {
    const share = total ? Math.floor((100 * loaded) / total) : 100;
    sent.value = share;
    percent.value = share < 100 ? `${share} %` : "Sent; the server is keeping it.";
  });
  request.addEventListener("load", () => {
    if (request.status < 300) {
      window.location.assign(request.responseURL);
      return;
    }
    // What the server refused is a page; it takes the place of this one.
    const page = new DOMParser().parseFromString(request.responseText, "text/html");
    document.getElementById("main").replaceWith(document.adoptNode(page.getElementById("main")));
    document.querySelector("[role=alert]")?.focus();
  });
  request.addEventListener("error", () => {
    percent.value = "The connection broke. Nothing was kept; send it again.";
    form.querySelector("button").disabled = false;
  });
  request.open("POST", form.action);
  request.send(new FormData(form));
});
