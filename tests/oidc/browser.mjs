// Walks through an authorization-code flow with PKCE as a browser would: it follows redirects, keeps cookies
// and submits the provider's login and consent forms.

import { createHash, randomBytes } from 'node:crypto';

// Authorization, login, consent and their redirects are eight steps.
const MOST_STEPS = 20;

/** Resolves to the token answer, parsed. */
export async function authorize(issuer, client) {
  const [redirectUri] = client.redirect_uris;
  const verifier = randomBytes(32).toString('base64url');
  const start = `${issuer}/auth?${new URLSearchParams({
    client_id: client.client_id,
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: client.scope,
    // Without it the provider drops offline_access.
    prompt: 'consent',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  })}`;
  const code = await walk(start, redirectUri);
  return redeem(issuer, client, { code, code_verifier: verifier, redirect_uri: redirectUri });
}

async function walk(start, redirectUri) {
  const cookies = new Map();
  let step = { url: start };
  for (let taken = 0; taken < MOST_STEPS; taken += 1) {
    const answer = await fetch(step.url, {
      method: step.form ? 'POST' : 'GET',
      body: step.form,
      redirect: 'manual',
      headers: { cookie: [...cookies].map((pair) => pair.join('=')).join('; ') },
    });
    keep(cookies, answer);
    step = await next(answer, step.url);
    if (step.url.startsWith(redirectUri)) return codeOf(step.url);
  }
  throw new Error(`the flow has not ended after ${MOST_STEPS} steps, the last at ${step.url}`);
}

function keep(cookies, answer) {
  // Node 18 has no getSetCookie(); a comma within a date is not followed by a name.
  for (const line of answer.headers.get('set-cookie')?.split(/, (?=[^;,]+=)/) ?? []) {
    const [name, value] = line.split(';')[0].split('=');
    if (value) cookies.set(name, value);
    else cookies.delete(name);
  }
}

async function next(answer, url) {
  const location = answer.headers.get('location');
  if (location) return { url: new URL(location, url).href };
  const page = await answer.text();
  const action = page.match(/<form[^>]* action="([^"]+)"/)?.[1];
  const prompt = page.match(/name="prompt" value="([^"]+)"/)?.[1];
  if (!action || !prompt) throw new Error(`neither redirect nor form at ${url} (${answer.status}): ${page}`);
  return { url: new URL(action, url).href, form: new URLSearchParams({ prompt, login: 'alice', password: 'any' }) };
}

function codeOf(url) {
  const code = new URL(url).searchParams.get('code');
  if (!code) throw new Error(`no code in ${url}`);
  return code;
}

async function redeem(issuer, client, fields) {
  const answer = await fetch(`${issuer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${client.client_id}:${client.client_secret}`)}` },
    body: new URLSearchParams({ grant_type: 'authorization_code', ...fields }),
  });
  const body = await answer.text();
  if (!answer.ok) throw new Error(`the code was refused (${answer.status}): ${body}`);
  return JSON.parse(body);
}
