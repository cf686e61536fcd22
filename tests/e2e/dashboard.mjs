// Clicks through what every Worker has: its requests, and its data in KV, D1, R2 and queues.
import { address, assert, finish, onPhone, open, page, step, worker } from "./browser.mjs";

await step("workers", async () => {
  await page.goto(address);
  await page.getByRole("heading", { name: /^shop/ }).waitFor();
  assert.equal(await page.title(), "Workers · hognose");
});
await step("requests", async () => {
  await open("Requests");
  await fetch(`${worker}/hello?from=chromium`);
  await page.getByRole("button", { name: /hello/ }).click();
  await page.getByRole("row", { name: /KV.*put/ }).waitFor();
  await page.getByText("seen it").waitFor();
});
await step("failed", async () => {
  await fetch(`${worker}/broken`);
  await page.getByLabel("only failed").check();
  await page.getByRole("button", { name: /broken/ }).click();
  await page.getByText("ValueError: this is broken").first().waitFor();
  assert.equal(await page.getByRole("button", { name: /hello/ }).count(), 0);
});
await step("kv", async () => {
  await open("KV");
  await page.getByRole("button", { name: "New key" }).click();
  await page.getByLabel("Key", { exact: true }).fill("a/b <i>");
  await page.getByLabel("Value").fill("written here");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("button", { name: "a/b <i>" }).click();
  await page.waitForFunction(() => document.querySelector("textarea")?.value === "written here");
  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("button", { name: "a/b <i>" }).waitFor({ state: "detached" });
});
await step("d1", async () => {
  await open("D1");
  await page.getByLabel("SQL").fill("CREATE TABLE people (name); INSERT INTO people VALUES ('Ada'), (NULL)");
  await page.getByRole("button", { name: "Run" }).click();
  await page.getByRole("button", { name: "people" }).click();
  await page.getByRole("cell", { name: "Ada" }).waitFor();
  await page.getByRole("cell", { name: "NULL" }).waitFor();
  await page.getByLabel("SQL").fill("SELECT * FROM absent");
  await page.getByLabel("SQL").press("Control+Enter");
  await page.getByRole("alert").filter({ hasText: "no such table" }).waitFor();
});
await step("r2", async () => {
  await open("R2");
  const file = { name: "note.txt", mimeType: "text/plain", buffer: Buffer.from("kept") };
  await page.locator("input[type=file]").setInputFiles(file);
  await page.getByRole("link", { name: "note.txt" }).waitFor();
  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByText("There is no such object.").waitFor();
});
await step("queues", async () => {
  await open("Queues");
  await page.getByRole("button", { name: "Send" }).click();
  await page.getByText("1 messages").waitFor();
  await page.getByRole("button", { name: "Show messages" }).click();
  await page.getByRole("cell", { name: '{"hello":"world"}' }).waitFor();
  await page.getByRole("button", { name: "Retry now" }).click();
  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByText("0 messages").waitFor();
  await page.getByRole("button", { name: "Send" }).click();
  page.once("dialog", (dialog) => dialog.accept());
  await page.getByRole("button", { name: "Purge" }).click();
  await page.getByText("0 messages").waitFor();
});
await onPhone(["Workers", "Requests", "KV", "D1", "R2", "Queues"]);
await step("keyboard", async () => {
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  const focused = await page.evaluate(() => document.activeElement?.tagName);
  assert.equal(focused, "A");
});
await finish();
