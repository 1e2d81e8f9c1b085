// Puts the page that the box renders now into this one, each time it tells of a new snapshot.
// Nothing is made here: without this script the page loads itself again every few seconds.
"use strict";

const STALE_MS = 3000; // from then on the page says that it is old
const TIMEOUT_MS = 10000;
const POLL_MS = 5000; // where there are as many streams as there may be

const stale = document.getElementById("stale");
let fresh_at = performance.now();
let is_loading = false;
let is_due = false;

// Makes `old` like `now`, and leaves alone what is alike: a link under a finger stays one.
function morph(old, now) {
  if (old.nodeName !== now.nodeName) return old.replaceWith(now);
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== now.data) old.data = now.data;
    return;
  }
  for (const { name } of [...old.attributes]) {
    // What a person has opened stays open.
    if (!now.hasAttribute(name) && name !== "open") old.removeAttribute(name);
  }
  for (const { name, value } of now.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  const before = [...old.childNodes];
  [...now.childNodes].forEach((child, index) => {
    if (before[index]) morph(before[index], child);
    else old.append(child);
  });
  before.slice(now.childNodes.length).forEach((child) => child.remove());
}

async function load() {
  if (is_loading || document.hidden) {
    is_due = true;
    return;
  }
  is_loading = true;
  is_due = false;
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const answer = await fetch(location.href, { cache: "no-store", signal });
    if (answer.ok) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      document.title = page.title;
      for (const part of ["header", "main"]) {
        morph(document.querySelector(part), page.querySelector(part));
      }
      fresh_at = performance.now();
    }
  } catch {
    // The box does not answer: the page tells how old it is.
  }
  is_loading = false;
  if (is_due) load();
}

function tell() {
  const age_ms = performance.now() - fresh_at;
  const is_stale = age_ms > STALE_MS && !document.hidden;
  document.documentElement.classList.toggle("stale", is_stale);
  stale.hidden = !is_stale;
  const text = stale.dataset.text.replace("{}", `${Math.floor(age_ms / 1000)} s`);
  if (is_stale && stale.textContent !== text) stale.textContent = text;
}

const events = new EventSource("/api/v1/events");
events.addEventListener("snapshot", load);
events.addEventListener("error", () => {
  if (events.readyState === EventSource.CLOSED) setInterval(load, POLL_MS);
});
document.addEventListener("visibilitychange", load);
setInterval(tell, 500);
