// Module hooks: oidc-provider gets ./node18_crypto.mjs where it asks for node:crypto.

export async function resolve(specifier, context, next) {
  const replaced = specifier === 'node:crypto' && context.parentURL?.includes('/oidc-provider/');
  return replaced
    ? { url: new URL('./node18_crypto.mjs', import.meta.url).href, shortCircuit: true }
    : next(specifier, context);
}
