// Loads native and Node-only parts without naming them in import statements, so that browser bundles stay clean.

/** The module, or `undefined` where there is no Node, no such package or no binary for this platform. */
export function loadNative<T>(name: string): T | undefined {
  try {
    const builtin = globalThis.process?.getBuiltinModule?.('node:module')
    if (builtin === undefined) return undefined
    return builtin.createRequire(import.meta.url)(name) as T
  } catch {
    return undefined
  }
}
