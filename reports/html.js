// A read-out of the second under the pointer. The page is complete without it.
(() => {
  "use strict";
  const ms = (value) => (value === null ? "none ended" : value < 1000 ? `${+value.toPrecision(3)} ms` : `${+(value / 1000).toPrecision(3)} s`);
  const nearest = (points, at) => points.reduce((best, point) => (Math.abs(point[0] - at) < Math.abs(best[0] - at) ? point : best));
  const say = (data, at) => {
    const bin = data.bins.find((one) => at >= one[0] && at < one[1]);
    const said = [`${at < 0 ? "-" : "+"}${Math.abs(at).toFixed(1)} s`];
    if (bin) said.push(`${bin[2]} good`, `${bin[3]} failed`, `p50 ${ms(bin[4])}`, `p99 ${ms(bin[5])}`);
    for (const [name, points] of data.series) {
      if (points.length) said.push(`${name} ${+nearest(points, at)[1].toPrecision(4)}`);
    }
    return said.join(" · ");
  };
  for (const figure of document.querySelectorAll("figure[data-chart]")) {
    const data = JSON.parse(document.getElementById(figure.dataset.chart).textContent);
    const readout = figure.querySelector(".readout");
    readout.hidden = false;
    readout.textContent = "Point at the chart to read a second.";
    for (const svg of figure.querySelectorAll("svg.chart")) {
      const [left, right, top, bottom] = ["left", "right", "top", "bottom"].map((key) => Number(svg.dataset[key]));
      const cursor = document.createElementNS("http://www.w3.org/2000/svg", "line");
      cursor.setAttribute("class", "cursor");
      svg.addEventListener("pointermove", (event) => {
        const x = (event.clientX - svg.getBoundingClientRect().left) * (svg.viewBox.baseVal.width / svg.clientWidth);
        const share = (x - left) / (right - left);
        if (share < 0 || share > 1) return;
        for (const [key, value] of [["x1", x], ["x2", x], ["y1", top], ["y2", bottom]]) cursor.setAttribute(key, value);
        svg.append(cursor);
        readout.textContent = say(data, data.begin + share * (data.end - data.begin));
      });
      svg.addEventListener("pointerleave", () => cursor.remove());
    }
  }
})();
