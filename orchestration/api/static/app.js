/* What every page of the planner needs in the browser: numbers and dates in its language, the token of its login on
   each deed, and saying what went wrong. Other scripts find the formats in `window.forecaster`. */
"use strict";

(() => {
  const numbers = new Map();

  function formatted(value, digits, style) {
    const key = `${digits}/${style}`;
    if (!numbers.has(key)) {
      const options = digits === undefined
        ? { maximumFractionDigits: 2 }
        : { minimumFractionDigits: digits, maximumFractionDigits: digits };
      numbers.set(key, new Intl.NumberFormat(undefined, { ...options, ...(style ? { style } : {}) }));
    }
    return numbers.get(key).format(value);
  }

  // A day is the client's and the same everywhere; a moment is told in the reader's own time.
  const days = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeZone: "UTC" });
  const moments = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

  function formattedTime(text) {
    const isDay = /^\d{4}-\d{2}-\d{2}$/.test(text);
    const value = new Date(isDay ? `${text}T00:00:00Z` : text);
    return Number.isNaN(value.valueOf()) ? text : (isDay ? days : moments).format(value);
  }

  function localize(root) {
    for (const element of root.querySelectorAll("data.n")) {
      const { digits, style } = element.dataset;
      element.textContent = formatted(
        Number(element.value), digits === undefined ? undefined : Number(digits), style);
    }
    for (const element of root.querySelectorAll("time[datetime]")) {
      element.textContent = formattedTime(element.dateTime);
    }
  }

  // htmx tells of each new element: all of them together are looked at once, before they are painted
  let isWaiting = false;
  function localizeOnce() {
    if (isWaiting) return;
    isWaiting = true;
    queueMicrotask(() => { isWaiting = false; localize(document); });
  }

  function say(sentence, kind = "error") {
    const line = document.createElement("p");
    line.className = `notice ${kind}`;
    line.textContent = sentence;
    document.getElementById("messages").replaceChildren(line);
  }

  window.forecaster = { localize, say, number: formatted, time: formattedTime };

  document.addEventListener("htmx:configRequest", (event) => {
    event.detail.headers["X-CSRF-Token"] = document.querySelector("meta[name=csrf]").content;
  });
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.requestConfig.verb !== "get") document.getElementById("messages").replaceChildren();
  });
  // What went wrong is no part of the page that a request wanted to choose from.
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.isError) event.detail.selectOverride = "unset";
  });
  document.addEventListener("htmx:sendError", () => say("The server does not answer; try again."));
  document.addEventListener("htmx:afterSwap", localizeOnce);
  document.addEventListener("htmx:oobAfterSwap", localizeOnce);

  // A form sent twice is one deed: its button waits for the answer.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.matches("[hx-post]") || event.defaultPrevented) return;
    const buttons = [...form.querySelectorAll("button")];
    setTimeout(() => buttons.forEach((button) => { button.disabled = true; }), 0);
  });
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) document.querySelectorAll("form button").forEach((button) => { button.disabled = false; });
  });

  localize(document);
  document.querySelector(".sections [aria-current]")?.scrollIntoView({ inline: "nearest", block: "nearest" });
})();
