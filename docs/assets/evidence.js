// Puts the evidence of a scenario into its fold when a reader opens it. Without this script, the fold has a link to it.
"use strict";

const address = (of, link, name) => link.setAttribute(name, new URL(link.getAttribute(name), of));

const show = async (fold, link) => {
  const answer = await fetch(link.href);
  if (!answer.ok) return; // the link stays
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const recorded = page.querySelector(".spec-recorded");
  recorded.querySelectorAll("[src]").forEach((one) => address(link.href, one, "src"));
  recorded.querySelectorAll("[href]").forEach((one) => address(link.href, one, "href"));
  link.parentElement.replaceWith(...recorded.childNodes);
};

document.querySelectorAll("details.spec-evidence").forEach((fold) => {
  const link = fold.querySelector(":scope > p > a[href*='evidence/']");
  if (link) fold.addEventListener("toggle", () => show(fold, link), { once: true });
});
