// Files, uploads, vector stores, embeddings and the Assistants API, with the `openai` package of npm.
//
//     node stores.mjs PROGRAM PDF BASE_URL KEY
//
// PROGRAM is `searches` (for a service that quotes) or `functions` (for one whose model calls tools in pairs).

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

// The package lies in the folder that the program is started in, not beside this file.
const require = createRequire(`${process.cwd()}/`);
const { default: OpenAI, APIError, toFile } = await import(pathToFileURL(require.resolve('openai')).href);

const QUESTION = 'When does the Tallinn warehouse open its gates?';
const WEATHER = {
  type: 'function',
  function: {
    name: 'get_weather',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
};
const QUICK = { pollIntervalMs: 50 };

async function refused(status, call) {
  try {
    await call();
  } catch (error) {
    assert.ok(error instanceof APIError, String(error));
    assert.equal(error.status, status, error.message);
    assert.ok(error.code && error.type && error.message, JSON.stringify(error));
    return;
  }
  assert.fail(`not refused with ${status}`);
}

async function collected(list) {
  const found = [];
  for await (const each of list) found.push(each);
  return found;
}

async function embeddings(client) {
  const reply = await client.embeddings.create({
    model: 'all-MiniLM-L6-v2',
    input: ['leave', '휴가'],
  });
  assert.deepEqual(
    reply.data.map((each) => each.embedding.length),
    [384, 384],
  );
  await refused(400, () =>
    client.embeddings.create({ model: 'all-MiniLM-L6-v2', input: 'x', dimensions: 7 }),
  );
}

async function files(client) {
  const made = await client.files.create({
    file: await toFile(Buffer.from('연차는 15일입니다.'), '연차 규정.md'),
    purpose: 'assistants',
  });
  assert.equal(made.filename, '연차 규정.md');
  assert.equal(await (await client.files.content(made.id)).text(), '연차는 15일입니다.');
  assert.ok((await collected(await client.files.list())).some((file) => file.id === made.id));
  assert.ok((await client.files.delete(made.id)).deleted);
  await refused(404, () => client.files.retrieve(made.id));
}

async function uploads(client) {
  const content = Buffer.alloc(200_000, 'harbour ');
  const upload = await client.uploads.create({
    bytes: content.length,
    filename: 'harbour.txt',
    mime_type: 'text/plain',
    purpose: 'assistants',
  });
  const parts = [];
  for (const half of [content.subarray(0, 100_000), content.subarray(100_000)]) {
    parts.push(await client.uploads.parts.create(upload.id, { data: await toFile(half, 'part') }));
  }
  const done = await client.uploads.complete(upload.id, {
    part_ids: parts.map((part) => part.id),
    md5: createHash('md5').update(content).digest('hex'),
  });
  assert.equal(done.status, 'completed');
  assert.equal(done.file.bytes, content.length);
  await client.files.delete(done.file.id);
}

async function vectorStores(client, pdf) {
  const store = await client.vectorStores.create({ name: 'Manuals', metadata: { team: 'harbour' } });
  const added = await client.vectorStores.files.uploadAndPoll(store.id, createReadStream(pdf), QUICK);
  assert.equal(added.status, 'completed');
  await client.vectorStores.files.update(added.id, {
    vector_store_id: store.id,
    attributes: { year: 2026 },
  });
  const found = await client.vectorStores.search(store.id, {
    query: QUESTION,
    filters: { type: 'gte', key: 'year', value: 2026 },
  });
  assert.equal(found.data[0].file_id, added.id);
  assert.match(found.data[0].content[0].text, /05:40/);
  const batch = await client.vectorStores.fileBatches.createAndPoll(
    store.id,
    { file_ids: [added.id] },
    QUICK,
  );
  assert.equal(batch.file_counts.completed, 1);
  const text = await client.vectorStores.files.content(added.id, { vector_store_id: store.id });
  assert.match(text.data.map((part) => part.text).join('\n'), /05:40/);
  assert.ok((await client.vectorStores.delete(store.id)).deleted);
  await client.files.delete(added.id);
}

async function fileSearch(client, pdf) {
  const { assistants, threads } = client.beta;
  const file = await client.files.create({ file: createReadStream(pdf), purpose: 'assistants' });
  const assistant = await assistants.create({
    model: 'gpt-4o',
    name: 'Warehouse desk of npm',
    instructions: 'Answer from the manuals.',
    tools: [{ type: 'file_search' }],
    tool_resources: { file_search: { vector_stores: [{ file_ids: [file.id] }] } },
  });
  const [store] = assistant.tool_resources.file_search.vector_store_ids;
  await client.vectorStores.files.poll(store, file.id, QUICK);
  const thread = await threads.create({ messages: [{ role: 'user', content: QUESTION }] });
  const run = await threads.runs.createAndPoll(thread.id, { assistant_id: assistant.id }, QUICK);
  assert.equal(run.status, 'completed');
  const [message] = (await threads.messages.list(thread.id)).data;
  assert.match(message.content[0].text.value, /05:40/);
  const [annotation] = message.content[0].text.annotations;
  assert.equal(annotation.file_citation.file_id, file.id);
  assert.equal(annotation.page, 2);
  await threads.messages.create(thread.id, { role: 'user', content: QUESTION });
  let said = '';
  const stream = threads.runs
    .stream(thread.id, { assistant_id: assistant.id })
    .on('textDelta', (delta) => {
      said += delta.value ?? '';
    });
  const [last] = await stream.finalMessages();
  assert.equal(last.content[0].text.value, said);
  assert.match(said, /05:40/);
  await threads.delete(thread.id);
  await assistants.delete(assistant.id);
  await client.vectorStores.delete(store);
  await client.files.delete(file.id);
}

function outputs(run) {
  return run.required_action.submit_tool_outputs.tool_calls.map((call) => ({
    tool_call_id: call.id,
    output: `${JSON.parse(call.function.arguments).city}: 3 °C`,
  }));
}

async function functions(client) {
  const { assistants, threads } = client.beta;
  const assistant = await assistants.create({ model: 'gpt-4o', tools: [WEATHER] });
  const thread = await threads.create({ messages: [{ role: 'user', content: 'How is the weather?' }] });
  let run = await threads.runs.createAndPoll(thread.id, { assistant_id: assistant.id }, QUICK);
  assert.equal(run.status, 'requires_action');
  run = await threads.runs.submitToolOutputsAndPoll(
    run.id,
    { thread_id: thread.id, tool_outputs: outputs(run) },
    QUICK,
  );
  assert.equal(run.status, 'completed');
  const [message] = (await threads.messages.list(thread.id)).data;
  assert.match(message.content[0].text.value, /^Tools say Tallinn: 3 °C and 부산: 3 °C/);
  await threads.messages.create(thread.id, { role: 'user', content: 'And now?' });
  const waiting = await threads.runs.stream(thread.id, { assistant_id: assistant.id }).finalRun();
  assert.equal(waiting.status, 'requires_action');
  const rest = threads.runs.submitToolOutputsStream(waiting.id, {
    thread_id: thread.id,
    tool_outputs: outputs(waiting),
  });
  assert.equal((await rest.finalRun()).status, 'completed');
  await assistants.delete(assistant.id);
}

const [program, pdf, baseURL, apiKey] = process.argv.slice(2);
assert.ok(readFileSync(pdf).length > 0);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0, timeout: 60_000 });
const searches = [embeddings, files, uploads, vectorStores, fileSearch];
for (const step of program === 'functions' ? [functions] : searches) {
  try {
    await step(client, pdf);
  } catch (error) {
    console.error(`${step.name}: ${error.stack}`);
    process.exit(1);
  }
  console.log(step.name);
}
console.log('all passed');
