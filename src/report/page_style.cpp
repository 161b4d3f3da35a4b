#include "report/page_style.hpp"

#include <string_view>

namespace scalelaw::inline report {

namespace {

constexpr std::string_view kLayout = R"css(
:root { --ink: #1b1f24; --soft: #57606a; --rule: #d8dee4; --paper: #ffffff; --tint: #f6f8fa; --blue: #0072B2; }
* { box-sizing: border-box; }
body { margin: 0; color: var(--ink); background: var(--paper); line-height: 1.5;
       font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 20px 28px 64px; }
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 16px; }
header h1 { font-size: 24px; line-height: 1.2; margin: 0; }
header p { color: var(--soft); font-size: 14px; margin: 0; max-width: none; }
h2 { font-size: 22px; margin: 40px 0 8px; padding-top: 14px; border-top: 1px solid var(--rule); }
h3 { font-size: 17px; margin: 28px 0 6px; }
p { max-width: 78ch; margin: 6px 0 12px; }
li { max-width: 78ch; margin: 2px 0; }
.caption { color: var(--soft); font-size: 15px; }
nav { font-size: 15px; margin: 14px 0 0; padding-top: 10px; border-top: 1px solid var(--rule); }
nav a { color: var(--blue); margin-right: 16px; white-space: nowrap; }
.sentence { max-width: none; font-size: 18px; line-height: 1.45; margin: 10px 0; }
#answers h2 { font-size: 15px; margin: 0 0 4px; padding: 0; border: 0; }
#answers .caption { font-size: 13px; line-height: 1.35; margin: 0; }
#answers figure { margin: 0; min-width: 0; }
.split { display: grid; grid-template-columns: minmax(0, 11fr) minmax(0, 9fr); gap: 8px 20px; align-items: start; }
.split > div { min-width: 0; }
.foot { max-width: none; font-size: 14px; margin: 4px 0 0; }
.answers { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 8px; margin: 0 0 10px; }
.answer { background: var(--tint); border: 1px solid var(--rule); border-radius: 8px; padding: 8px 10px; }
.answer .label { color: var(--soft); font-size: 13px; }
.answer .value { font-size: 24px; font-weight: 600; line-height: 1.25; }
.answer .note { color: var(--soft); font-size: 13px; line-height: 1.35; }
.doubts { border: 1.5px solid #D55E00; border-radius: 8px; padding: 8px 14px; background: #fdf6f1; font-size: 14px;
          line-height: 1.35; }
.doubts ul { margin: 4px 0; padding-left: 18px; }
.doubts a { color: #9a3f00; }
.slider { border: 1px solid var(--rule); border-radius: 8px; padding: 12px 18px 4px; max-width: 640px; }
.slider input { width: 100%; margin: 10px 0; accent-color: var(--blue); }
.slider output { font-weight: 600; }
.slider td:first-child { white-space: normal; }
.slider p { font-size: 15px; margin: 0 0 6px; }
.within { color: var(--soft); }
.beyond { color: #b00020; font-weight: 600; }
sup { line-height: 0; font-size: 72%; }
)css";

constexpr std::string_view kParts = R"css(
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 15px; margin: 8px 0 16px; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); padding-bottom: 4px; }
th, td { padding: 5px 20px 5px 0; text-align: right; vertical-align: top; border-bottom: 1px solid var(--rule); }
td { white-space: nowrap; }
table.text td { white-space: normal; }
table.dense { font-size: 14px; }
table.dense th, table.dense td { padding-right: 14px; }
th:first-child, td:first-child { text-align: left; }
table.text th, table.text td { text-align: left; }
thead th { border-bottom: 2px solid var(--ink); font-weight: 600; }
td .ci { display: block; color: var(--soft); font-size: 13px; white-space: nowrap; }
.chip { display: inline-block; padding: 0 10px; border-radius: 10px; font-size: 14px; font-weight: 600; white-space: nowrap;
        border: 1.5px solid; }
.good { color: #00664a; border-color: #009E73; background: #e9f7f2; }
.bad { color: #9a3f00; border-color: #D55E00; background: #fdf0e8; }
.open { color: #57606a; border-color: #8c959f; background: #f6f8fa; }
.plot { width: 100%; }
figure { margin: 8px 0 0; }
code { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: 14px; }
footer { color: var(--soft); font-size: 14px; margin-top: 40px; }
@media (max-width: 760px) {
  main { padding: 14px 14px 48px; }
  .split { grid-template-columns: minmax(0, 1fr); }
  .sentence { font-size: 17px; }
  .answer .value { font-size: 20px; }
  .foot code { overflow-wrap: anywhere; }
  th, td { padding-right: 12px; }
}
@media print { h2 { break-after: avoid; } figure { break-inside: avoid; } nav { display: none; } }
)css";

}  // namespace

std::string page_style() { return std::string(kLayout) + std::string(kParts); }

}  // namespace scalelaw::inline report
