// The clients that the tests' provider knows, one for each way to authenticate.

export const basic = {
  client_id: 'tests-basic',
  client_secret: 'secret-of-tests-basic',
  token_endpoint_auth_method: 'client_secret_basic',
  grant_types: ['client_credentials'],
  response_types: [],
  redirect_uris: [],
  scope: 'read write',
};

export const post = {
  ...basic,
  client_id: 'tests-post',
  client_secret: 'secret-of-tests-post',
  token_endpoint_auth_method: 'client_secret_post',
};

export const codeFlow = {
  client_id: 'tests-code',
  client_secret: 'secret-of-tests-code',
  token_endpoint_auth_method: 'client_secret_basic',
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  // Nobody listens there: the flow reads the code from the redirect itself.
  redirect_uris: ['https://client.invalid/callback'],
  scope: 'openid offline_access read write',
};

export const clients = [basic, post, codeFlow];
