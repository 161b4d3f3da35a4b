#include "report/page_style.hpp"

namespace scalelaw::inline report {

std::string_view page_style() {
  return R"css(
:root { --ink: #1b1f24; --soft: #57606a; --rule: #d8dee4; --paper: #ffffff; --tint: #f6f8fa; --blue: #0072B2; }
* { box-sizing: border-box; }
body { margin: 0; color: var(--ink); background: var(--paper); line-height: 1.5;
       font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 32px 28px 64px; }
header h1 { font-size: 30px; line-height: 1.2; margin: 0 0 4px; }
header p { color: var(--soft); margin: 0 0 16px; }
h2 { font-size: 22px; margin: 40px 0 8px; padding-top: 14px; border-top: 1px solid var(--rule); }
h3 { font-size: 17px; margin: 28px 0 6px; }
p { max-width: 78ch; margin: 6px 0 12px; }
.caption { color: var(--soft); font-size: 15px; }
nav { font-size: 15px; margin: 0 0 8px; }
nav a { color: var(--blue); margin-right: 16px; white-space: nowrap; }
.answers { display: grid; grid-template-columns: repeat(auto-fit, minmax(300px, 1fr)); gap: 16px; margin: 16px 0; }
.answer { background: var(--tint); border: 1px solid var(--rule); border-radius: 8px; padding: 14px 18px; }
.answer .label { color: var(--soft); font-size: 14px; }
.answer .value { font-size: 21px; font-weight: 600; line-height: 1.4; }
sup { line-height: 0; font-size: 72%; }
.answer .note { color: var(--soft); font-size: 14px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 15px; margin: 8px 0 16px; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); padding-bottom: 4px; }
th, td { padding: 5px 20px 5px 0; text-align: right; vertical-align: top; border-bottom: 1px solid var(--rule); }
th:first-child, td:first-child { text-align: left; }
table.text th, table.text td { text-align: left; }
thead th { border-bottom: 2px solid var(--ink); font-weight: 600; }
td .ci { display: block; color: var(--soft); font-size: 13px; white-space: nowrap; }
.chip { display: inline-block; padding: 0 10px; border-radius: 10px; font-size: 14px; font-weight: 600; white-space: nowrap;
        border: 1.5px solid; }
.good { color: #00664a; border-color: #009E73; background: #e9f7f2; }
.bad { color: #9a3f00; border-color: #D55E00; background: #fdf0e8; }
.open { color: #57606a; border-color: #8c959f; background: #f6f8fa; }
.warnings { border: 1.5px solid #D55E00; border-radius: 8px; padding: 8px 18px; background: #fdf6f1; }
.warnings ul { margin: 4px 0; padding-left: 20px; }
.plot { width: 100%; }
figure { margin: 8px 0 0; }
code { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: 14px; }
footer { color: var(--soft); font-size: 14px; margin-top: 40px; }
@media print { h2 { break-after: avoid; } figure { break-inside: avoid; } nav { display: none; } }
)css";
}

}  // namespace scalelaw::inline report
