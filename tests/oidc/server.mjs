// Starts the real oidc-provider on loopback for the tests, its state in memory only.
//
// Environment: PORT and CONTROL_PORT (a free one by default), ACCESS_TOKEN_TTL and REFRESH_TOKEN_TTL in seconds.
// Prints one line of JSON once both ports listen. The control port answers in plain text:
//   POST /grant            a refresh token, fresh from a whole authorization-code flow
//   GET  /requests/NAME    how many requests the endpoint NAME has answered: token, introspection, revocation, userinfo

import './node18.mjs';

import { once } from 'node:events';
import { createServer } from 'node:http';

import { authorize } from './browser.mjs';
import { basic, clients, codeFlow, post } from './clients.mjs';

const { Provider } = await import('oidc-provider');

const LOOPBACK = '127.0.0.1';
// Tests that wait for an expiry do not wait long; tests that do not are over by then.
const ACCESS_TOKEN_TTL = seconds('ACCESS_TOKEN_TTL', 60);
const REFRESH_TOKEN_TTL = seconds('REFRESH_TOKEN_TTL', 24 * 60 * 60);

const web = await listen(process.env.PORT);
const issuer = `http://${LOOPBACK}:${web.address().port}`;
const provider = new Provider(issuer, configuration());
const answered = { token: 0, introspection: 0, revocation: 0, userinfo: 0 };
provider.use(count);
// The answer to the client does not tell why a grant was refused.
provider.on('grant.error', (_ctx, error) => console.error(error.error_detail ?? error.message));
web.on('request', provider.callback());

const control = await listen(process.env.CONTROL_PORT);
control.on('request', answerControl);

console.log(JSON.stringify({
  issuer,
  port: web.address().port,
  token_endpoint: `${issuer}/token`,
  introspection_endpoint: `${issuer}/token/introspection`,
  revocation_endpoint: `${issuer}/token/revocation`,
  userinfo_endpoint: `${issuer}/me`,
  control: `http://${LOOPBACK}:${control.address().port}`,
  basic_client_id: basic.client_id,
  basic_client_secret: basic.client_secret,
  post_client_id: post.client_id,
  post_client_secret: post.client_secret,
  code_client_id: codeFlow.client_id,
  code_client_secret: codeFlow.client_secret,
}));

function configuration() {
  return {
    clients,
    scopes: ['openid', 'offline_access', 'read', 'write'],
    // As strict as the provider is by default: a spent refresh token kills its grant.
    rotateRefreshToken: true,
    issueRefreshToken: (_ctx, client, source) =>
      client.grantTypeAllowed('refresh_token') && source.scopes.has('offline_access'),
    findAccount: (_ctx, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
    pkce: { required: () => true },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      revocation: { enabled: true },
    },
    ttl: {
      AccessToken: ACCESS_TOKEN_TTL,
      ClientCredentials: ACCESS_TOKEN_TTL,
      RefreshToken: REFRESH_TOKEN_TTL,
    },
    cookies: { keys: ['tests only'] },
  };
}

async function count(ctx, next) {
  await next();
  const name = ctx.oidc?.route;
  if (name in answered) answered[name] += 1;
}

async function answerControl(request, response) {
  try {
    const text = await controlled(request);
    response.writeHead(text === undefined ? 404 : 200, { 'content-type': 'text/plain' });
    response.end(text);
  } catch (error) {
    response.writeHead(500, { 'content-type': 'text/plain' });
    response.end(error.stack);
  }
}

async function controlled({ method, url }) {
  if (method === 'POST' && url === '/grant') return (await authorize(issuer, codeFlow)).refresh_token;
  const name = url.replace(/^\/requests\//, '');
  return method === 'GET' && name in answered ? String(answered[name]) : undefined;
}

async function listen(port) {
  const server = createServer();
  server.listen(Number(port ?? 0), LOOPBACK);
  await once(server, 'listening');
  return server;
}

function seconds(name, preset) {
  return Number(process.env[name] ?? preset);
}
