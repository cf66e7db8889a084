// Standard functions that libp2p calls and Node 20 lacks. Imported first, for its effect, by whatever loads libp2p.

interface Resolvers<T> {
  promise: Promise<T>
  resolve: (value: T | PromiseLike<T>) => void
  reject: (reason?: unknown) => void
}

function withResolvers<T>(): Resolvers<T> {
  let resolve!: Resolvers<T>['resolve']
  let reject!: Resolvers<T>['reject']
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve
    reject = onReject
  })
  return { promise, resolve, reject }
}

/** Adds `Promise.withResolvers` (ES2024) where the runtime has none; leaves a native one alone. */
export function installPolyfills(): void {
  const target = Promise as unknown as { withResolvers?: typeof withResolvers }
  if (target.withResolvers === undefined) {
    Object.defineProperty(Promise, 'withResolvers', {
      value: withResolvers,
      writable: true,
      configurable: true,
    })
  }
}

installPolyfills()
