// What a program written against OpenAI does, with the `openai` package of npm.
//
//     node surface.mjs BASE_URL KEY
//
// The assistants are those of surface.py. Every function of STEPS gets a client; the first that fails ends the
// program with its name.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

// The package lies in the folder that the program is started in, not beside this file.
const require = createRequire(`${process.cwd()}/`);
const { default: OpenAI, APIError } = await import(pathToFileURL(require.resolve('openai')).href);

const QUESTION = 'When does the Tallinn warehouse open its gates?';
const ANSWER = 'The files say so [1].';
const WEATHER = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false,
};

async function collected(list) {
  const found = [];
  for await (const each of list) found.push(each);
  return found;
}

async function refused(status, call) {
  try {
    await call();
  } catch (error) {
    assert.ok(error instanceof APIError, String(error));
    assert.equal(error.status, status, error.message);
    assert.ok(error.code && error.type && error.message && error.error.message, JSON.stringify(error));
    return error;
  }
  assert.fail(`not refused with ${status}`);
}

async function models(client) {
  const listed = (await collected(await client.models.list())).map((model) => model.id);
  for (const name of ['well', 'calls', 'writes', 'slow']) assert.ok(listed.includes(name));
  assert.equal((await client.models.retrieve('well@1')).object, 'model');
}

async function chat(client) {
  const whole = await client.chat.completions.create({
    model: 'well',
    messages: [
      { role: 'developer', content: 'Be brief.' },
      { role: 'user', content: [{ type: 'text', text: QUESTION }] },
    ],
    seed: 7,
    stop: ['STOP'],
  });
  assert.equal(whole.choices[0].message.content, ANSWER);
  assert.ok(whole.choices[0].message.annotations[0].url_citation.title.startsWith('gates.md'));
  assert.ok(whole.usage.total_tokens > 0);
}

async function chatStream(client) {
  const stream = await client.chat.completions.create({
    model: 'well',
    messages: [{ role: 'user', content: QUESTION }],
    stream: true,
    stream_options: { include_usage: true },
  });
  const chunks = await collected(stream);
  assert.equal(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join(''), ANSWER);
  assert.equal(chunks[0].choices[0].delta.role, 'assistant');
  assert.ok(chunks.at(-1).usage.total_tokens > 0);
}

async function chatTools(client) {
  const tools = [{ type: 'function', function: { name: 'weather', parameters: WEATHER } }];
  const messages = [{ role: 'user', content: 'How is the weather?' }];
  const first = await client.chat.completions.create({ model: 'calls', messages, tools });
  const call = first.choices[0].message.tool_calls[0];
  assert.deepEqual(JSON.parse(call.function.arguments), { city: 'Tallinn' });
  messages.push(first.choices[0].message, { role: 'tool', tool_call_id: call.id, content: '12 degrees' });
  const second = await client.chat.completions.create({ model: 'calls', messages, tools });
  assert.equal(second.choices[0].message.content, 'The tool says: 12 degrees.');
  const runner = client.chat.completions.runTools({
    model: 'calls',
    messages: [{ role: 'user', content: 'How is the weather?' }],
    tools: [
      {
        type: 'function',
        function: { name: 'weather', parameters: WEATHER, parse: JSON.parse, function: () => '9 degrees' },
      },
    ],
    stream: true,
  });
  assert.equal(await runner.finalContent(), 'The tool says: 9 degrees.');
}

async function errors(client) {
  const messages = [{ role: 'user', content: '?' }];
  const create = (more) => client.chat.completions.create({ model: 'well', messages, ...more });
  assert.equal((await refused(404, () => create({ model: 'nobody' }))).code, 'model_not_found');
  assert.equal((await refused(422, () => create({ n: 3 }))).param, 'n');
  await refused(404, () => client.get('/nowhere'));
  await refused(405, () => client.delete('/models'));
  await refused(404, () => client.responses.retrieve('resp_none'));
  await refused(502, () => create({ model: 'refuses' }));
  await refused(401, () => client.withOptions({ apiKey: 'sk-doumi-wrong' }).models.list());
}

async function response(client) {
  const made = await client.responses.create({
    model: 'well',
    input: QUESTION,
    instructions: 'Be brief.',
    include: ['file_search_call.results'],
    metadata: { topic: 'gates' },
  });
  assert.deepEqual(made.output.map((item) => item.type), ['file_search_call', 'message']);
  assert.ok(made.output[0].results[0].text.includes('05:40'));
  assert.equal(made.output_text, ANSWER);
  assert.equal(made.output[1].content[0].annotations[0].filename, 'gates.md');
  assert.equal((await client.responses.retrieve(made.id)).output_text, ANSWER);
  const items = await collected(await client.responses.inputItems.list(made.id));
  assert.equal(items[0].content[0].text, QUESTION);
  const followed = await client.responses.create({
    model: 'well',
    input: 'And on Sundays?',
    previous_response_id: made.id,
  });
  assert.equal(followed.previous_response_id, made.id);
  await client.responses.delete(made.id);
  await refused(404, () => client.responses.retrieve(made.id));
}

async function responseStream(client) {
  const events = await collected(await client.responses.create({ model: 'well', input: QUESTION, stream: true }));
  assert.deepEqual(events.map((event) => event.sequence_number), events.map((_, at) => at));
  assert.equal(events.at(-1).type, 'response.completed');
  const again = await client.responses.retrieve(events[0].response.id, { stream: true, starting_after: 4 });
  assert.deepEqual(
    (await collected(again)).map((event) => event.type),
    events.slice(5).map((event) => event.type),
  );
  const stream = client.responses.stream({ model: 'well', input: QUESTION });
  assert.equal((await stream.finalResponse()).output_text, ANSWER);
}

async function responseTools(client) {
  const tools = [{ type: 'function', name: 'weather', parameters: WEATHER, strict: true }];
  const first = await client.responses.create({ model: 'calls', input: 'Weather?', tools });
  const call = first.output.find((item) => item.type === 'function_call');
  const second = await client.responses.create({
    model: 'calls',
    input: [{ type: 'function_call_output', call_id: call.call_id, output: '12 degrees' }],
    tools,
    previous_response_id: first.id,
  });
  assert.equal(second.output_text, 'The tool says: 12 degrees.');
}

async function responseBackground(client) {
  const made = await client.responses.create({ model: 'slow', input: 'Count.', background: true });
  assert.equal(made.status, 'queued');
  assert.equal((await client.responses.cancel(made.id)).status, 'cancelled');
  const stream = await client.responses.create({ model: 'well', input: QUESTION, background: true, stream: true });
  assert.equal((await collected(stream)).at(-1).response.output[1].content[0].text, ANSWER);
}

async function conversations(client) {
  const conversation = await client.conversations.create({
    metadata: { topic: 'gates' },
    items: [{ type: 'message', role: 'user', content: 'Hello' }],
  });
  await client.responses.create({ model: 'well', input: QUESTION, conversation: conversation.id });
  const items = await collected(await client.conversations.items.list(conversation.id, { order: 'asc' }));
  assert.deepEqual(items.map((item) => item.type), ['message', 'message', 'file_search_call', 'message']);
  const one = await client.conversations.items.retrieve(items[1].id, { conversation_id: conversation.id });
  assert.equal(one.content[0].text, QUESTION);
  await client.conversations.items.delete(items[0].id, { conversation_id: conversation.id });
  assert.equal((await collected(await client.conversations.items.list(conversation.id))).length, 3);
  const changed = await client.conversations.update(conversation.id, { metadata: { topic: 'doors' } });
  assert.deepEqual(changed.metadata, { topic: 'doors' });
  assert.ok((await client.conversations.delete(conversation.id)).deleted);
  await refused(404, () => client.conversations.retrieve(conversation.id));
}

const STEPS = [
  models,
  chat,
  chatStream,
  chatTools,
  errors,
  response,
  responseStream,
  responseTools,
  responseBackground,
  conversations,
];

const [baseURL, apiKey] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0, timeout: 60_000 });
for (const step of STEPS) {
  try {
    await step(client);
  } catch (error) {
    console.error(`${step.name}: ${error.stack}`);
    process.exit(1);
  }
  console.log(step.name);
}
console.log('all passed');
