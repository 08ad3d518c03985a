// The worker of the search. It starts Material's own worker, and gets the index, when a reader first searches, so that no
// other page pays for either. It also leaves words such as "how" and "the" out of a question, which would match every
// page, and endings, so that "deleting" also finds "delete".
"use strict";

const SETUP = 0, READY = 1, QUERY = 2, RESULT = 3; // the messages between Material and its worker
const NONE = { items: [] };
const ASSETS = new URL(".", location);
const MATERIAL = new URL(decodeURIComponent(location.search).replace(/^.*?assets\//, ""), ASSETS);
const COMMON = new Set(
  ("a about an and any are as at be but by can could did do does doesn't don't find for from get had has have how i " +
    "if in into is isn't it its let me my not of on one or our out over see should so that the their them then there " +
    "these they this those to was we were what when where which who will with would you your").split(" "),
);

let started; // a promise of Material's worker, with the index

const start = async () => {
  const answer = await fetch(new URL("../search/search_index.json", ASSETS));
  const index = await answer.json();
  const worker = new Worker(MATERIAL);
  await new Promise((ready) => {
    worker.onmessage = ready;
    worker.postMessage({ type: SETUP, data: { ...index, options: {} } });
  });
  return worker;
};

// What to look for, by what was typed: { delet: "deleting" }.
const terms = (question) => {
  const words = question.toLowerCase().match(/[\p{L}\p{N}_']+/gu) ?? [];
  const telling = words.filter((word) => !COMMON.has(word));
  return Object.fromEntries((telling.length ? telling : words).map((word) => [stem(word), word]));
};

const stem = (word) => word.replace(/(?<=^.{4,})(ing|ed|es|s|e)$/, "").replaceAll("'", "");

const ask = async (question) => {
  try {
    started ??= start();
    const worker = await started;
    const wanted = terms(question);
    worker.onmessage = ({ data: { data } }) => {
      for (const item of data.items.flat())
        item.terms = Object.fromEntries(Object.entries(item.terms).map(([term, found]) => [wanted[term] ?? term, found]));
      postMessage({ type: RESULT, data });
    };
    worker.postMessage({ type: QUERY, data: Object.keys(wanted).join(" ") });
  } catch (error) {
    started = undefined; // the next key tries again
    postMessage({ type: RESULT, data: NONE });
    throw error;
  }
};

onmessage = ({ data: { type, data } }) => {
  if (type !== QUERY) return;
  if (data.trim()) ask(data);
  else postMessage({ type: RESULT, data: NONE });
};

postMessage({ type: READY });
