"""Opens a report in headless Chromium and checks that it is drawn, complete and quiet.

usage: check_page.py REPORT.html [SCREENSHOT.png]
Needs the package playwright and Debian's chromium. Ends with 0 and one line of figures, or 1 and what is wrong; 77 where the
browser cannot be started.
"""

import json
import os
import pathlib
import sys

CHROMIUM = os.environ.get("SCALELAW_CHROMIUM", "/usr/bin/chromium")

# Before anything of the page runs: remember every violation of its content security policy.
WATCH = """
window.violations = [];
document.addEventListener('securitypolicyviolation', e => window.violations.push(e.violatedDirective + ' ' + e.blockedURI));
"""

STATE = """() => ({
  plots: [...document.querySelectorAll('.plot')].map(p => ({
    id: p.id,
    surfaces: p.querySelectorAll('.main-svg').length,
    traces: p.querySelectorAll('.scatterlayer .trace, .contour').length,
    height: p.getBoundingClientRect().height,
  })),
  webgl: document.querySelectorAll('.no-webgl').length,
  violations: window.violations,
  headings: [...document.querySelectorAll('section > h2')].map(h => h.textContent),
  first: document.querySelector('#answers') ? document.querySelector('#answers').getBoundingClientRect().bottom : 0,
  wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
})"""


# The slider at its two ends: what stands beside it.
SLIDER = """() => {
  const input = document.getElementById('budget');
  if (!input) return null;
  const text = id => document.getElementById(id).textContent;
  const seen = value => {
    input.value = value;
    input.dispatchEvent(new Event('input'));
    return {flops: text('budget_flops'), params: text('budget_params'), loss: text('budget_loss'),
            ci: text('budget_loss_ci'), beyond: text('budget_beyond'), red: document.querySelectorAll('.beyond').length};
  };
  return {low: seen(input.min), high: seen(input.max)};
}"""


def slider_problems(slider):
    if any(word in json.dumps(slider) for word in ("NaN", "undefined", "null", "Infinity", '"\\u2013"')):
        return [f"the slider shows no number: {json.dumps(slider)}"]
    problems = []
    if not slider["low"]["beyond"].startswith("Within") or slider["low"]["red"]:
        problems.append(f"the slider's lower end is not within what was measured: {json.dumps(slider['low'])}")
    if "100 times the largest measured" not in slider["high"]["beyond"] or not slider["high"]["red"]:
        problems.append(f"the slider's upper end does not say how far it lies beyond: {json.dumps(slider['high'])}")
    if not float(slider["high"]["loss"]) < float(slider["low"]["loss"]):
        problems.append(f"more compute gives no lower loss: {json.dumps(slider)}")
    return problems


def problems_of(state, console, requests):
    problems = [f"console: {line}" for line in console]
    problems += [f"content security policy: {v}" for v in state["violations"]]
    problems += [f"request outside the file: {url}" for url in requests]
    if state["webgl"]:
        problems.append("a plot asks for WebGL")
    if state["wide"] > 0:
        problems.append(f"the page is {state['wide']} px wider than the window")
    if not state["plots"]:
        problems.append("no plot in the page")
    for plot in state["plots"]:
        if plot["surfaces"] == 0 or plot["traces"] == 0 or plot["height"] < 100:
            problems.append(f"{plot['id']} is empty: {json.dumps(plot)}")
    return problems


def main():
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        print("playwright is not installed")
        return 77
    page_path = pathlib.Path(sys.argv[1]).resolve()
    console, requests = [], []
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        except Error as error:
            print(f"{CHROMIUM} cannot be started: {error.message.splitlines()[0]}")
            return 77
        context = browser.new_context(offline=True, viewport={"width": 1200, "height": 900})
        page = context.new_page()
        page.add_init_script(WATCH)
        page.on("console", lambda m: console.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda e: console.append(str(e)))
        page.on("request", lambda r: None if r.url.startswith(("file:", "data:", "blob:")) else requests.append(r.url))
        page.goto(page_path.as_uri())
        drawn = True
        try:
            page.wait_for_function("window.scalelawDrawn === true", timeout=60000)
        except Error:
            drawn = False
        state = page.evaluate(STATE)
        slider = page.evaluate(SLIDER)
        if len(sys.argv) > 2:
            page.screenshot(path=sys.argv[2], full_page=True)
        browser.close()
    problems = ([] if drawn else ["window.scalelawDrawn never became true"]) + problems_of(state, console, requests)
    problems += slider_problems(slider) if slider else []
    for problem in problems:
        print(problem)
    if not problems:
        print(f"{len(state['plots'])} plots drawn, {len(state['headings'])} sections, first screen "
              f"{900 if state['first'] <= 900 else round(state['first'])} px{', slider' if slider else ''}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
