// Addresses of pages and services on the web, as a chain stores them for others to open. Owns: which text is one. Not: opening it.
// No parser of URLs: what it accepts changes with its version, and all validators must agree.

/** An http or https address in ASCII: a host, maybe a port, and what follows; no user, no space, nothing that ends an attribute. */
const WEB_ADDRESS =
  /^https?:\/\/(?:[\da-z.-]{1,253}|\[[\da-f:.]{2,45}\])(?::\d{1,5})?(?:[/?#][!#-;=?-[\]_a-z~]*)?$/i

/** Whether a text is an address that a browser may be sent to: `javascript:`, `data:` and their like are none. */
export const isWebAddress = (text: string): boolean => WEB_ADDRESS.test(text)
