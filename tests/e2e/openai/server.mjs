// A running `fathom serve` and a client for it, for the tests of this folder.
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';

const { FATHOM_PROGRAM, OPENAI_FOLDER } = process.env;
export const OpenAI = createRequire(`${OPENAI_FOLDER}/`)('openai');

// Starts `fathom serve` on a free port; resolves with the address it prints.
export async function serve(model, ...flags) {
  const child = spawn(FATHOM_PROGRAM,
    ['serve', '--model', model, '--port', '0', '--ctx', '2048', ...flags],
    { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const address = await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no address within 60 s:\n${output}`)), 60_000);
    const listen = (chunk) => {
      output += chunk;
      const found = output.match(/http:\/\/[0-9.]+:\d+/);
      if (found) {
        clearTimeout(timer);
        resolve(found[0]);
      }
    };
    child.stdout.on('data', listen);
    child.stderr.on('data', listen);
    exited.then((code) => reject(new Error(`ended with ${code}:\n${output}`)));
  });
  return { address, stop: async () => { child.kill('SIGTERM'); return exited; } };
}

export const clientOf = (address, apiKey = 'unused') =>
  new OpenAI({ baseURL: `${address}/v1`, apiKey, maxRetries: 0, timeout: 120_000 });
