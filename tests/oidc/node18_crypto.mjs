// node:crypto with the `hash` of Node 20.12.

import crypto from 'node:crypto';

export * from 'node:crypto';

export const hash = crypto.hash ?? ((algorithm, data, encoding = 'hex') => {
  const digest = crypto.createHash(algorithm).update(data).digest();
  return encoding === 'buffer' ? digest : digest.toString(encoding);
});
