// Opens pages as technicians do, in a browser of Debian, and tells what is wrong with each: one
// line of JSON. node visit.js FOLDER URL...
"use strict";

const path = require("node:path");
const { chromium } = require("playwright-core");
const axe = require("axe-core");

const WIDTHS = [360, 768, 1280];
const SCHEMES = ["light", "dark"];
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const PATIENCE_MS = 60000;

const [folder, ...urls] = process.argv.slice(2);

// One page in one kind of browser.
async function visit(browser, url, width, colorScheme, javaScriptEnabled) {
  const context = await browser.newContext({
    viewport: { width, height: 800 },
    colorScheme,
    javaScriptEnabled,
    locale: "en",
  });
  const faults = [];
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const own = new URL(url).origin;
  await context.route("**", (route) => {
    const asked = new URL(route.request().url());
    if (asked.origin === own || asked.protocol === "data:") return route.continue();
    faults.push(`asks ${asked.origin}`);
    return route.abort();
  });
  page.on("console", (message) => {
    if (message.type() === "error") faults.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => faults.push(`script: ${error}`));
  const answer = await page.goto(url, { waitUntil: "load" });
  if (answer.status() !== 200) faults.push(`status ${answer.status()}`);
  const name = new URL(url).pathname.replaceAll("/", "_");
  const script = javaScriptEnabled ? "" : "-without-script";
  const picture = `page${name}-${width}-${colorScheme}${script}.png`;
  await page.screenshot({ path: path.join(folder, picture), fullPage: true });
  if (javaScriptEnabled) faults.push(...(await examine(page)));
  else if (!(await page.content()).includes("http-equiv=\"refresh\"")) {
    faults.push("does not load itself again");
  }
  await context.close();
  return { url, width, colorScheme, javaScriptEnabled, faults };
}

// What a person who sees little, or has a small screen, would stumble over.
async function examine(page) {
  const faults = [];
  const overflow = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  if (overflow > 0) faults.push(`${overflow} px too wide`);
  // Played in by the browser, for the policy of the page lets nobody add a script.
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate((tags) => axe.run({ runOnly: tags }), TAGS);
  for (const { id, nodes } of violations) faults.push(`axe ${id}: ${nodes[0].html}`);
  return faults;
}

// The clock of the page goes on by itself, and nothing that is opened closes.
async function live(browser, url) {
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  await page.goto(url);
  const time = () => page.locator("header time").getAttribute("datetime");
  const first = await time();
  const details = page.locator("details").first();
  await details.locator("summary").click();
  await page.waitForFunction(
    (first) => document.querySelector("header time").dateTime !== first,
    first,
  );
  const is_open = await details.evaluate((it) => it.open);
  await page.close();
  return is_open ? [] : ["what was opened has closed"];
}

// A mark is set without a script, and begins at zero.
async function mark(browser, url) {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  await page.goto(url);
  await page.locator("button[name=since]").click();
  await page.waitForURL(/since=\d+/);
  const told = await page.locator(".tools").innerText();
  await context.close();
  return /Counted since/.test(told) ? [] : [`the mark is not told: ${told}`];
}

async function main() {
  const browser = await chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
  });
  const visits = [];
  for (const url of urls) {
    for (const width of WIDTHS) {
      for (const scheme of SCHEMES) visits.push(await visit(browser, url, width, scheme, true));
    }
    visits.push(await visit(browser, url, WIDTHS[0], SCHEMES[0], false));
  }
  const channel = urls.find((url) => url.includes("/channel/"));
  visits.push({ live: await live(browser, channel), mark: await mark(browser, channel) });
  await browser.close();
  console.log(JSON.stringify(visits));
}

main();
