// The worklist at the keyboard: the line one is at, ticked lines, a changed line beside what was proposed.
//
// Belongs here: what happens between two answers of the server. Does not belong here: any decision, which is
// the server's; spelling numbers that the server sent (app.js).
(() => {
  "use strict";

  const KEYS_OFF = "forecaster.single-keys-off";
  const drafts = new Map(); // run and rank -> name of the field -> what was typed and is not decided yet
  let at = null; // rank of the line one is at
  let place = 0; // and its place on the page, for when it has gone

  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const form = () => document.getElementById("decide");
  const lines = () => all("tr.line");
  const current = () => (at === null ? null : document.getElementById(`line-${at}`));
  const boxes = () => all("input[name=line]");
  const ticked = () => boxes().filter((box) => box.checked);
  const lineOf = (element) => element.closest("tr.line");
  const fieldsOf = (line) => all("input[data-suggested]", line);
  const number = new Intl.NumberFormat(undefined, { maximumFractionDigits: 2 });
  const money = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
  const signed = new Intl.NumberFormat(undefined, {
    minimumFractionDigits: 2, maximumFractionDigits: 2, signDisplay: "always",
  });

  // --- a changed line -------------------------------------------------------------------------------

  const draftKey = (line) => `${form().dataset.run} ${line.dataset.rank}`;
  const isChanged = (field) => field.value !== field.dataset.suggested;

  function compared(line, quantity) {
    const own = Number(quantity.value);
    const suggested = quantity.dataset.suggested === "" ? null : Number(quantity.dataset.suggested);
    const cost = line.dataset.cost === undefined ? null : Number(line.dataset.cost);
    const withCost = (units) =>
      cost === null ? number.format(units) : `${number.format(units)} for ${money.format(units * cost)}`;
    const said = [];
    if (quantity.value === "" || !(own > 0)) {
      said.push("Write a quantity above zero, or reject the line.");
    } else if (isChanged(quantity)) {
      said.push(`${suggested === null ? "Nothing" : withCost(suggested)} suggested, yours ${withCost(own)}`);
      if (suggested !== null && cost !== null) said[0] += ` (${signed.format((own - suggested) * cost)})`;
      said[0] += ".";
      const least = Number(line.dataset.moq || 0);
      const multiple = Number(line.dataset.multiple || 0);
      if (own < least) said.push(`The least that can be ordered is ${number.format(least)}.`);
      if (multiple > 0 && Math.abs(own / multiple - Math.round(own / multiple)) > 1e-6) {
        said.push(`Orders are multiples of ${number.format(multiple)}.`);
      }
    }
    if (fieldsOf(line).some((field) => field.type === "date" && isChanged(field))) {
      said.push("Another date than suggested.");
    }
    return said.join(" ");
  }

  function show(line) {
    const own = line.querySelector(".own");
    if (own === null) return;
    const fields = fieldsOf(line);
    const hasChanged = fields.some(isChanged);
    line.classList.toggle("is-changed", hasChanged);
    own.hidden = !hasChanged;
    const quantity = fields.find((field) => field.type === "number");
    own.querySelector(".compared").textContent = hasChanged ? compared(line, quantity) : "";
    const cost = line.dataset.cost;
    if (cost !== undefined && Number(quantity.value) > 0) {
      const value = Number(quantity.value) * Number(cost);
      line.querySelector(".value").textContent = value < 100 ? money.format(value) : whole.format(value);
    }
  }

  function remember(line) {
    const typed = new Map(all(".own input, input[data-suggested]", line).map((f) => [f.name, f.value]));
    drafts.set(draftKey(line), typed);
  }

  function restore() {
    if (form() === null) return;
    for (const line of lines()) {
      const typed = drafts.get(draftKey(line));
      if (typed === undefined) continue;
      const fields = all(".own input, input[data-suggested]", line);
      if (fields.length === 0) drafts.delete(draftKey(line));
      for (const field of fields) if (typed.has(field.name)) field.value = typed.get(field.name);
      show(line);
    }
  }

  // --- ticked lines ---------------------------------------------------------------------------------

  function count() {
    const bar = document.querySelector(".bulk");
    if (bar === null) return;
    const chosen = ticked();
    let value = 0;
    for (const box of chosen) {
      const line = lineOf(box);
      line.classList.add("is-ticked");
      const quantity = line.querySelector("input[type=number]");
      value += Number(quantity?.value || 0) * Number(line.dataset.cost || 0);
    }
    for (const box of boxes()) if (!box.checked) lineOf(box).classList.remove("is-ticked");
    bar.classList.toggle("is-idle", chosen.length === 0);
    const lineWord = chosen.length === 1 ? "line" : "lines";
    bar.querySelector(".chosen").textContent =
      chosen.length === 0
        ? "No line ticked"
        : `${number.format(chosen.length)} ${lineWord} ticked` + (value > 0 ? `, ${money.format(value)}` : "");
    const set = (box, among) => {
      const on = among.filter((each) => each.checked).length;
      box.checked = on > 0 && on === among.length;
      box.indeterminate = on > 0 && on < among.length;
    };
    all("input.all").forEach((box) => set(box, boxes()));
    all("input.some").forEach((box) => set(box, all("input[name=line]", box.closest("tbody"))));
  }

  function tick(among, isOn) {
    for (const box of among) box.checked = isOn;
    count();
  }

  // --- the line one is at ---------------------------------------------------------------------------

  function go(line) {
    if (!line) return;
    all("tr.is-at").forEach((other) => other.classList.remove("is-at"));
    line.classList.add("is-at");
    at = line.dataset.rank;
    place = lines().indexOf(line);
    line.focus({ preventScroll: true });
    line.scrollIntoView({ block: "nearest" });
  }

  function step(by) {
    const list = lines();
    const from = current() === null ? -1 : list.indexOf(current());
    go(list[Math.min(Math.max(from + by, 0), list.length - 1)]);
  }

  // --- deeds ----------------------------------------------------------------------------------------

  function ask(deed, line) {
    const dialog = document.getElementById(`ask-${deed}`);
    const chosen = line === null ? ticked().map(lineOf) : [line];
    if (dialog === null || chosen.length === 0) return;
    form().elements.only.value = line === null ? "" : line.dataset.rank;
    const name = chosen[0].querySelector(".item a").textContent;
    dialog.querySelector(".which").textContent = chosen.length === 1 ? name : `${chosen.length} lines`;
    dialog.showModal();
  }

  function decide(deed) {
    if (form() === null) return;
    const line = ticked().length > 0 ? null : current();
    if (line !== null && line.querySelector("input[name=line]") === null) return;
    if (line === null && ticked().length === 0) return;
    if (deed !== "approve") return ask(deed, line);
    const within = line === null ? form().querySelector(".bulk") : line;
    within.querySelector("button[value=approve], button[name=approve]").click();
  }

  function undo() {
    const button = current()?.querySelector("button[name=withdraw]") ?? document.getElementById("undo");
    button?.click();
  }

  // --- events ---------------------------------------------------------------------------------------

  const ON_KEY = {
    j: () => step(1),
    k: () => step(-1),
    x: () => current()?.querySelector("input[name=line]")?.click(),
    a: () => decide("approve"),
    r: () => decide("reject"),
    s: () => decide("snooze"),
    u: undo,
    e: () => current()?.querySelector("input[type=number]")?.select(),
    i: () => current()?.querySelector("summary")?.click(),
    o: () => current()?.querySelector(".item a")?.click(),
    "/": () => document.getElementById("q").select(),
    "?": () => document.getElementById("help").showModal(),
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || document.querySelector("dialog[open]")) return;
    const target = event.target;
    const isTyping = target.matches("input:not([type=checkbox]), select, textarea");
    if (event.key === "Escape" && isTyping && lineOf(target)) return go(lineOf(target));
    if (isTyping) return;
    if (localStorage.getItem(KEYS_OFF) !== null || !Object.hasOwn(ON_KEY, event.key)) return;
    event.preventDefault();
    ON_KEY[event.key]();
  });

  document.addEventListener("focusin", (event) => {
    const line = event.target.closest?.("tr.line");
    if (line && line.dataset.rank !== at) {
      all("tr.is-at").forEach((other) => other.classList.remove("is-at"));
      line.classList.add("is-at");
      at = line.dataset.rank;
      place = lines().indexOf(line);
    }
  });

  document.addEventListener("input", (event) => {
    const line = event.target.closest?.("tr.line");
    if (line && event.target.name !== "line") {
      show(line);
      remember(line);
      line.querySelector(".problem").textContent = "";
    }
    count();
  });

  document.addEventListener("click", (event) => {
    const target = event.target;
    const box = target.closest("input.all, input.some");
    if (box) return tick(box.matches(".all") ? boxes() : all("input[name=line]", box.closest("tbody")), box.checked);
    const button = target.closest("button");
    if (button === null) return;
    if (button.dataset.asks) ask(button.dataset.asks, lineOf(button));
    if (button.dataset.opens) document.getElementById(button.dataset.opens).showModal();
    if ("closes" in button.dataset) button.closest("dialog").close();
    if ("clears" in button.dataset) tick(boxes(), false);
    if (button.name === "deed" && button.value === "approve") form().elements.only.value = "";
  });

  document.addEventListener("change", (event) => {
    if (event.target.id !== "single-keys") return;
    if (event.target.checked) localStorage.removeItem(KEYS_OFF);
    else localStorage.setItem(KEYS_OFF, "1");
  });

  // Enter in a field of a dialog means its first button, and not the first of the form.
  document.addEventListener("keydown", (event) => {
    const dialog = event.target.closest?.("dialog[id^=ask-]");
    if (event.key !== "Enter" || !dialog || event.target.tagName !== "INPUT") return;
    event.preventDefault();
    dialog.querySelector("button[name=deed]").click();
  });

  // An address without empty filters is one to keep.
  document.addEventListener("htmx:configRequest", (event) => {
    const parameters = event.detail.parameters;
    if (event.detail.elt.id !== "filters") return;
    for (const name of [...parameters.keys()]) if (parameters.get(name) === "") parameters.delete(name);
  });

  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target?.closest?.("#lines")) document.querySelector("dialog[open]")?.close();
  });

  document.addEventListener("htmx:afterSwap", (event) => {
    if (!event.detail.target.matches(".problem")) return;
    const reason = lineOf(event.detail.target).querySelector(".own:not([hidden]) input");
    if (reason !== null && reason.value === "") reason.focus();
    event.detail.target.scrollIntoView({ block: "nearest" });
  });

  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.elt.id !== "lines" && event.target.id !== "lines") return;
    restore();
    count();
    if (at !== null && document.activeElement === document.body) {
      go(current() ?? lines()[Math.min(place, lines().length - 1)]);
    }
  });

  // On a narrow screen the lines come first; a screen may be turned.
  const folded = document.getElementById("folded");
  const narrow = matchMedia("(max-width: 62rem)");
  const fold = () => {
    folded.open = !narrow.matches || folded.querySelector(":checked:not([value=''])") !== null;
  };
  narrow.addEventListener("change", fold);
  fold();
  document.getElementById("single-keys").checked = localStorage.getItem(KEYS_OFF) === null;
  restore();
  count();
})();
