// Loads native and Node-only modules without import statements, so that browser bundles do not include them.

/** The module, or `undefined` when Node, the package or its binary for this platform is missing. */
export function loadNative<T>(name: string): T | undefined {
  try {
    const builtin = globalThis.process?.getBuiltinModule?.('node:module')
    if (builtin === undefined) return undefined
    return builtin.createRequire(import.meta.url)(name) as T
  } catch {
    return undefined
  }
}
