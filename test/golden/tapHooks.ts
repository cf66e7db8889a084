// Loader hook: every import of the schema module gets schemaTap.ts instead, which imports the real one.
import type { ResolveFnOutput, ResolveHookContext } from 'node:module'

const TAP = new URL('./schemaTap.js', import.meta.url).href
let real: string | undefined

/** The tap must be loaded first: the module it imports is the one replaced for all others. */
export async function resolve(
  specifier: string,
  context: ResolveHookContext,
  next: (specifier: string, context: ResolveHookContext) => ResolveFnOutput | Promise<ResolveFnOutput>,
): Promise<ResolveFnOutput> {
  const resolved = await next(specifier, context)
  if (context.parentURL === TAP) {
    real = resolved.url
    return resolved
  }
  return resolved.url === real ? { ...resolved, url: TAP } : resolved
}
