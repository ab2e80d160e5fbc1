// Asks for the page anew and puts its main part in place of the one that is shown. Without this script the page
// comes anew as a whole.
"use strict";

const EVERY = 5000;
const PATIENCE = 10000;
const said = document.getElementById("said");
let isAsking = false;

async function renew() {
  if (isAsking || document.hidden) return;
  isAsking = true;
  try {
    said.textContent = await ask();
  } catch {
    said.textContent = "The server cannot be reached. What is shown is old.";
  } finally {
    isAsking = false;
  }
}

// What there is to be said.
async function ask() {
  // The document's own address may hold the key, and fetch takes none that does.
  const address = location.origin + location.pathname + location.search;
  const answer = await fetch(address, { signal: AbortSignal.timeout(PATIENCE) });
  if (answer.status === 401) {
    // Or the browser would ask for another key again and again.
    clearInterval(timer);
    return "The key is no longer taken. Load the page again with another one. What is shown is old.";
  }
  if (!answer.ok) return `The server answers ${answer.status}. What is shown is old.`;
  const next = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
  // Whoever is copying an error must not lose what is marked.
  if (getSelection().type !== "Range") show(next);
  return "";
}

function show(next) {
  const shown = document.querySelector("main");
  const focused = shown.contains(document.activeElement);
  shown.replaceWith(document.adoptNode(next));
  // All that can have it is the link to what follows.
  if (focused) document.querySelector("main a")?.focus({ preventScroll: true });
}

const timer = setInterval(renew, EVERY);
document.addEventListener("visibilitychange", renew);
