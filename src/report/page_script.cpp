#include "report/page_script.hpp"

namespace scalelaw::inline report {

std::string_view page_script() {
  return R"js(
(function () {
  'use strict';
  window.scalelawDrawn = false;
  const figures = JSON.parse(document.getElementById('figures').textContent);
  const font = { family: 'system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif', size: 14, color: '#1b1f24' };
  const axis = {
    showline: true, linecolor: '#8c959f', linewidth: 1, ticks: 'outside', ticklen: 4, tickcolor: '#8c959f',
    gridcolor: '#e6eaee', zeroline: false, automargin: true, minexponent: 3, tickfont: { size: 13 }
  };
  function layoutOf(figure) {
    const layout = Object.assign({
      font: font, paper_bgcolor: '#ffffff', plot_bgcolor: '#ffffff', hovermode: 'closest', height: figure.height,
      margin: { l: 70, r: 20, t: 56, b: 60 }, hoverlabel: { font: { size: 14 }, align: 'left' }
    }, figure.layout);
    for (const key of Object.keys(layout)) {
      if (/^[xy]axis/.test(key)) {
        layout[key] = Object.assign({}, axis, layout[key]);
        layout[key].title.font = { size: 14 };
      }
    }
    return layout;
  }
  // The written ticks suit the whole range; a zoom needs Plotly's own, and a double click gives the written ones back.
  function chooseTicks(place, whole) {
    const update = {};
    for (const key of Object.keys(whole)) {
      if (!whole[key].tickvals) continue;
      const now = place.layout[key].range;
      const same = whole[key].range.every(function (end, i) { return Math.abs(end - now[i]) < 1e-9; });
      const mode = same ? 'array' : 'auto';
      if (place.layout[key].tickmode !== mode) update[key + '.tickmode'] = mode;
    }
    if (Object.keys(update).length) Plotly.relayout(place, update);
  }
  function draw(figure) {
    const place = document.getElementById('plot_' + figure.id);
    const whole = JSON.parse(JSON.stringify(figure.layout));  // Plotly changes what it is given
    place.style.height = figure.height + 'px';
    return Plotly.newPlot(place, figure.data, layoutOf(figure), {
      responsive: true, displaylogo: false, displayModeBar: 'hover', modeBarButtonsToRemove: ['select2d', 'lasso2d'],
      toImageButtonOptions: { format: 'svg', filename: figure.id }
    }).then(function () { place.on('plotly_relayout', function () { chooseTicks(place, whole); }); });
  }
  Promise.all(figures.map(draw)).then(function () { window.scalelawDrawn = true; });
})();
)js";
}

}  // namespace scalelaw::inline report
