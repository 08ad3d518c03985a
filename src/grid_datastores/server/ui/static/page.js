// Shows times in the reader's zone, adds buttons that copy, and lets "/" lead to the filter of a list.
// Every page also works without this script: times are then in UTC.
"use strict";

const SVG = "http://www.w3.org/2000/svg";
const announcer = document.createElement("p"); // no status, as it is not a part of what the page says
announcer.className = "unseen";
announcer.setAttribute("aria-live", "polite");

function twoDigits(number) {
  return String(number).padStart(2, "0");
}

// Returns a time in the form that the server uses for UTC, with the short name of the reader's zone.
function formatLocal(at) {
  const zone = new Intl.DateTimeFormat("en", { timeZoneName: "short" })
    .formatToParts(at)
    .find(({ type }) => type === "timeZoneName").value;
  const day = [at.getFullYear(), at.getMonth() + 1, at.getDate()].map(twoDigits).join("-");
  const time = [at.getHours(), at.getMinutes(), at.getSeconds()].map(twoDigits).join(":");
  return `${day} ${time} ${zone}`;
}

function showLocalTimes() {
  for (const element of document.querySelectorAll("time[datetime]:not([title])")) {
    const at = new Date(element.dateTime);
    if (!Number.isNaN(at.getTime())) {
      element.title = element.textContent;
      element.textContent = formatLocal(at);
    }
  }
}

// Browsers offer their clipboard to no script on a page without TLS, and may refuse it elsewhere.
async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    copySelected(text);
  }
}

function copySelected(text) {
  const field = document.createElement("textarea");
  const focused = document.activeElement;
  field.className = "unseen";
  field.value = text;
  document.body.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  focused.focus();
  if (!copied) {
    throw new Error("not copied");
  }
}

// Returns a picture of two sheets of paper, or of a tick, which the style shows after the text was copied.
function copyIcon() {
  const icon = document.createElementNS(SVG, "svg");
  icon.setAttribute("viewBox", "0 0 24 24");
  icon.setAttribute("aria-hidden", "true");
  for (const shape of ["M9 9h11v11H9zM15 9V4H4v11h5", "M4 13l5 5L20 6"]) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", shape);
    icon.append(path);
  }
  return icon;
}

function addCopyButton(source, what) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.title = `Copy the ${what}`;
  button.setAttribute("aria-label", button.title);
  button.append(copyIcon());
  button.addEventListener("click", async () => {
    let result = "Copied";
    try {
      await copyText(source.textContent.trim());
    } catch {
      result = "Not copied. Select the text and copy it.";
    }
    announcer.textContent = "";
    requestAnimationFrame(() => {
      announcer.textContent = result;
    });
    button.classList.toggle("copied", result === "Copied");
    button.addEventListener("blur", () => button.classList.remove("copied"), { once: true });
  });
  source.closest("pre, dd").append(button);
}

function isWriting(element) {
  return element.isContentEditable || ["INPUT", "SELECT", "TEXTAREA"].includes(element.tagName);
}

function reactToKey(event) {
  const filter = document.querySelector("[data-filter]");
  if (!filter || event.ctrlKey || event.metaKey || event.altKey) {
    return;
  }
  if (event.key === "/" && !isWriting(event.target)) {
    event.preventDefault();
    filter.focus();
    filter.select();
  } else if (event.key === "Escape" && event.target === filter) {
    filter.blur();
  }
}

document.body.append(announcer);
document.querySelectorAll("pre > code").forEach((code) => addCopyButton(code, "command"));
document.querySelectorAll("[data-copy]").forEach((text) => addCopyButton(text, text.dataset.copy));
document.querySelectorAll("[data-filter]").forEach((filter) => filter.setAttribute("aria-keyshortcuts", "/"));
document.addEventListener("keydown", reactToKey);
document.addEventListener("htmx:afterSettle", showLocalTimes); // a part of the page was replaced
showLocalTimes();
