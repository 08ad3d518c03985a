// Material puts each button that copies code into a <nav> without a name. A list of the page's places to go to is no
// help when it is full of these, so they are not announced as such.
"use strict";

const quiet = () =>
  document.querySelectorAll("nav.md-code__nav:not([role])").forEach((nav) => nav.setAttribute("role", "none"));

new MutationObserver(quiet).observe(document.documentElement, { childList: true, subtree: true });
quiet();
