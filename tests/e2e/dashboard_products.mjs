// Clicks through Durable Objects, workflows, cron triggers, caches, indexes and models.
import { address, assert, finish, onPhone, open, page, step, worker } from "./browser.mjs";

const alert = (text) => page.getByRole("alert").filter({ hasText: text }).waitFor();

await step("objects", async () => {
  const id = await (await fetch(worker)).text();
  await page.goto(`${address}#/objects`);
  await page.getByText("lives").waitFor();
  await page.getByRole("button", { name: id }).click();
  await page.getByRole("cell", { name: "snakes" }).waitFor();
  await page.getByRole("button", { name: "lines" }).click();
  await page.getByRole("cell", { name: "hello" }).first().waitFor();
  await page.getByRole("cell", { name: "NULL" }).first().waitFor();
});
await step("workflows", async () => {
  await open("Workflows");
  await page.getByRole("button", { name: "New instance" }).click();
  // It goes on by itself, and the page with it.
  await page.getByText(/until/).waitFor();
  await page.getByLabel("Event type").fill("payment");
  await page.getByRole("button", { name: "Send event" }).click();
  await page.locator(".line .badge", { hasText: "complete" }).waitFor();
  await page.getByRole("button", { name: "restart" }).click();
  await page.getByRole("button", { name: "terminate" }).click();
  await page.locator(".line .badge", { hasText: "terminated" }).waitFor();
});
await step("workflows-bad-parameters", async () => {
  await page.getByLabel("Parameters (JSON)").fill("{");
  await page.getByRole("button", { name: "New instance" }).click();
  await alert("This is not JSON");
});
await step("crons", async () => {
  await open("Cron");
  await page.getByRole("button", { name: "Run now" }).click();
  await page.locator(".badge.good", { hasText: "ok" }).waitFor();
});
await step("cache", async () => {
  await fetch(`${worker}/cache`);
  await open("Cache");
  await page.getByText("http://example.com/2").waitFor();
  await page.getByLabel("Purge http://example.com/2").click();
  await page.getByText("http://example.com/2").waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Purge all" }).click();
  await page.getByText("Nothing is cached.").waitFor();
});
await step("vectorize", async () => {
  await open("Vectorize");
  await page.getByText("2 vectors").waitFor();
  await page.getByLabel("Query by").selectOption("id");
  await page.getByRole("textbox", { name: "Id of a vector" }).fill("east");
  await page.getByRole("button", { name: "Query" }).click();
  await page.getByRole("row", { name: /east 1\.0000/ }).waitFor();
  await page.getByLabel("Query by").selectOption("text");
  await page.getByRole("textbox", { name: "Text" }).fill("where the sun rises");
  await page.getByRole("button", { name: "Query" }).click();
  await alert("expected 32 dimensions");
});
await step("ai", async () => {
  await open("AI");
  await page.getByLabel("Model").selectOption({ label: "@cf/meta/llama-3-8b-instruct (desk)" });
  await page.getByRole("button", { name: "Run" }).click();
  await page.getByText("one two").waitFor();
});
await step("requests-of-all-kinds", async () => {
  await open("Requests");
  await page.getByRole("button", { name: /cron 0 0 1 1/ }).first().waitFor();
});
await onPhone(["Durable Objects", "Workflows", "Cron", "Cache", "Vectorize", "AI"]);
assert.equal(await page.title(), "AI · hognose");
await finish();
