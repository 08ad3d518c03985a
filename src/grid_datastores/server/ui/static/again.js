// Looks again while a version is not finished. Without it there is a link.
"use strict";

setTimeout(() => window.location.reload(), 1500);
