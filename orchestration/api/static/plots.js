/* Draws the plots of a page with uPlot. What is drawn stands in a script element beside each plot as JSON
   (orchestration/api/pages/plots.py); colours are those of the page, and dashes and marks say the same. */
"use strict";

(() => {
  const DAY = 86400;
  const SMALL = 560;

  const dates = (options) => new Intl.DateTimeFormat(undefined, { timeZone: "UTC", ...options });
  const wholeDay = dates({ dateStyle: "medium" });
  const dayAndMonth = dates({ day: "numeric", month: "short" });
  const monthAndYear = dates({ month: "short", year: "numeric" });
  const numbers = new Intl.NumberFormat(undefined, { maximumFractionDigits: 2 });
  const shares = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 1 });

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  // What a line is -> its colour, width, dashes.
  function styles() {
    return {
      ink: { stroke: colour("--actual"), width: 1.25 },
      other: { stroke: colour("--quiet"), width: 1.5 },
      lead: { stroke: colour("--forecast"), width: 2 },
      model: { stroke: colour("--forecast"), width: 1.25, dash: [2, 3] },
      earlier: { stroke: colour("--plan"), width: 1.5, dash: [7, 4] },
      quiet: { stroke: colour("--quiet"), width: 1, dash: [3, 3] },
      warn: { stroke: colour("--safety"), width: 1.25, dash: [8, 3, 2, 3] },
      wide: { stroke: "transparent", width: 0 },
      narrow: { stroke: "transparent", width: 0 },
    };
  }

  // Lines of one kind beside each other, such as models: each has its own dashes.
  const TURNS = [[], [7, 4], [2, 3], [8, 3, 2, 3], [12, 3]];

  function seconds(text) {
    return Date.parse(`${text}T00:00:00Z`) / 1000;
  }

  function shown(drawn, value) {
    if (value === null || value === undefined) return "–";
    return (drawn.isShare ? shares : numbers).format(value);
  }

  function place(drawn, isTime, value) {
    if (value === null || value === undefined) return "–";
    return isTime ? wholeDay.format(new Date(value * 1000)) : numbers.format(value);
  }

  function lineOf(drawn, line, number, known) {
    const style = known[line.style];
    const turn = line.style === "other" ? TURNS[number % TURNS.length] : style.dash;
    return {
      label: line.label,
      stroke: style.stroke,
      width: style.width,
      dash: turn,
      points: { show: line.points, size: 7, fill: style.stroke },
      value: (_, value) => shown(drawn, value),
      spanGaps: false,
      class: line.style === "narrow" ? "edge" : undefined,
    };
  }

  // The border of a line's box in the legend, dashed as the line is.
  function borderOf(dash) {
    if (!dash?.length) return "solid";
    return dash[0] <= 2 ? "dotted" : "dashed";
  }

  // Lines across the plot, with their names; the vertical one of today among them.
  function drawLevels(plot, drawn, isTime, known) {
    const { ctx, bbox } = plot;
    const ratio = devicePixelRatio;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.font = `${11 * ratio}px system-ui, sans-serif`;
    let below = 0;
    for (const level of drawn.levels) {
      const style = known[level.style];
      const isAcross = level.at === "x";
      const value = isAcross && isTime ? seconds(level.value) : level.value;
      const at = Math.round(plot.valToPos(value, isAcross ? "x" : "y", true));
      ctx.strokeStyle = style.stroke;
      ctx.fillStyle = colour("--ink");
      ctx.lineWidth = style.width * ratio;
      ctx.setLineDash((style.dash ?? []).map((length) => length * ratio));
      ctx.beginPath();
      if (isAcross) {
        ctx.moveTo(at, bbox.top);
        ctx.lineTo(at, bbox.top + bbox.height);
      } else {
        ctx.moveTo(bbox.left, at);
        ctx.lineTo(bbox.left + bbox.width, at);
      }
      ctx.stroke();
      const width = ctx.measureText(level.label).width;
      if (isAcross) {
        const isLeft = at + width + 6 * ratio > bbox.left + bbox.width;
        ctx.textAlign = isLeft ? "right" : "left";
        ctx.fillText(level.label, at + (isLeft ? -4 : 4) * ratio, bbox.top + (12 + 14 * below) * ratio);
        below += 1;
      } else {
        ctx.textAlign = "right";
        ctx.fillText(level.label, bbox.left + bbox.width - 4 * ratio, at - 4 * ratio);
      }
    }
    ctx.restore();
  }

  // Letters at the foot, where there is room for each; the table has all of them.
  function drawMarks(plot, drawn) {
    const { ctx, bbox } = plot;
    const ratio = devicePixelRatio;
    ctx.save();
    ctx.font = `600 ${10 * ratio}px system-ui, sans-serif`;
    ctx.fillStyle = colour("--warning");
    ctx.textAlign = "center";
    let last = -Infinity;
    for (const [index, letters] of drawn.marks) {
      const at = plot.valToPos(plot.data[0][index], "x", true);
      if (at < bbox.left || at > bbox.left + bbox.width || at - last < 9 * ratio) continue;
      [...letters].forEach((letter, row) =>
        ctx.fillText(letter, at, bbox.top + bbox.height - (3 + 11 * row) * ratio));
      last = at;
    }
    ctx.restore();
  }

  function axes(drawn, isTime) {
    const common = {
      stroke: colour("--quiet"),
      font: "12px system-ui, sans-serif",
      grid: { stroke: colour("--line"), width: 1 },
      ticks: { stroke: colour("--line"), width: 1, size: 4 },
    };
    const x = isTime
      ? {
        ...common,
        space: 64,
        incrs: [1, 2, 7, 14, 28, 91, 182, 364, 728].map((count) => count * DAY),
        values: (_, splits, __, ___, step) => splits.map((split) =>
          (step >= 91 * DAY ? monthAndYear : dayAndMonth).format(new Date(split * 1000))),
      }
      : { ...common, label: drawn.xLabel, labelSize: 18, labelFont: common.font, values: (_, splits) => splits.map((split) => numbers.format(split)) };
    const y = {
      ...common,
      size: 58,
      label: drawn.yLabel,
      labelSize: 16,
      labelFont: common.font,
      values: (_, splits) => splits.map((split) => shown(drawn, split)),
    };
    return [x, y];
  }

  // Values begin at zero, stock may be less; levels are in sight.
  function range(drawn) {
    return (_, low, high) => {
      const levels = drawn.levels.filter((level) => level.at === "y").map((level) => level.value);
      const least = Math.max(Math.min(0, low ?? 0, ...levels), Math.min(0, drawn.floor ?? -Infinity));
      const most = Math.max(high ?? 0, ...levels);
      if (drawn.isShare && typeof drawn.x[0] === "number") return [0, 1];
      const room = (most - least || 1) * 0.08;
      return [least < 0 ? least - room : 0, most + room];
    };
  }

  function sizeOf(element) {
    const width = Math.max(element.clientWidth, 240);
    return { width, height: width < SMALL ? 230 : 290 };
  }

  function draw(element) {
    const drawn = JSON.parse(document.getElementById(element.dataset.plot).textContent);
    const isTime = typeof drawn.x[0] === "string";
    const known = styles();
    const x = isTime ? drawn.x.map(seconds) : drawn.x;
    // a year's view begins where the page says; the whole is one press away
    let first = "ranged" in element.dataset ? drawn.shownFrom : 0;
    const options = {
      ...sizeOf(element),
      tzDate: (value) => uPlot.tzDate(new Date(value * 1000), "Etc/UTC"),
      scales: {
        x: { time: isTime, range: (_, low, high) => low === high ? [low - DAY, high + DAY] : [low, high] },
        y: { range: range(drawn) },
      },
      axes: axes(drawn, isTime),
      series: [
        { label: drawn.xLabel, value: (_, value) => place(drawn, isTime, value) },
        ...drawn.lines.map((line, number) => lineOf(drawn, line, number, known)),
      ],
      bands: drawn.bands.map(([low, high]) => ({ series: [high + 1, low + 1], fill: colour("--band") })),
      cursor: { points: { size: 6 }, drag: { x: isTime, y: false } },
      legend: { markers: { width: 2, dash: (plot, number) => borderOf(plot.series[number].dash) } },
      hooks: {
        draw: [
          (plot) => drawLevels(plot, drawn, isTime, known),
          (plot) => drawMarks(plot, drawn),
        ],
      },
    };
    const plot = new uPlot(options, [x, ...drawn.lines.map((line) => line.values)], element);
    const show = () => plot.setScale("x", { min: x[first], max: x[x.length - 1] });
    if (first) show();
    const resized = new ResizeObserver(() => {
      const size = sizeOf(element);
      if (size.width !== plot.width) plot.setSize(size);
    });
    resized.observe(element);
    if ("ranged" in element.dataset) rangeButton(element, drawn, (from) => { first = from; show(); });
    return () => { resized.disconnect(); plot.destroy(); };
  }

  function rangeButton(element, drawn, show) {
    if (element.previousElementSibling?.matches(".range")) element.previousElementSibling.remove();
    const button = document.createElement("button");
    button.type = "button";
    button.className = "range";
    button.textContent = "The year before, too";
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => {
      const isWhole = button.getAttribute("aria-pressed") === "true";
      button.setAttribute("aria-pressed", String(!isWhole));
      show(isWhole ? drawn.shownFrom : 0);
    });
    element.before(button);
  }

  const ends = new Map();

  function drawAll() {
    for (const [element, end] of ends) {
      if (!element.isConnected) { end(); ends.delete(element); }
    }
    for (const element of document.querySelectorAll(".plot[data-plot]")) {
      if (!ends.has(element)) ends.set(element, draw(element));
    }
  }

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const end of ends.values()) end();
    ends.clear();
    drawAll();
  });
  document.addEventListener("htmx:afterSettle", drawAll);
  drawAll();
})();
