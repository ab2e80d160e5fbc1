// Lets oidc-provider run on Node 18, the one in Debian 12: adds what it uses and that Node lacks.
// Import this first, and oidc-provider by a dynamic import afterwards.

import { hash, webcrypto } from './node18_crypto.mjs';
import crypto from 'node:crypto';
import module from 'node:module';

globalThis.crypto ??= webcrypto;

URL.parse ??= (url, base) => {
  try {
    return new URL(url, base);
  } catch {
    return null;
  }
};

if (crypto.hash !== hash) module.register('./node18_hooks.mjs', import.meta.url);
