// The addresses of the page. Owns: the list that the node and the page share, and reading an address. Not: the views.

/** First names of addresses for which the node sends the page; the empty one is the first page. */
export const ROUTES = ['', 'verify', 'explorer', 'wallet', 'operator', 'console'] as const
export type RouteName = (typeof ROUTES)[number]

export interface Route {
  readonly name: RouteName
  /** What follows the first name: `/explorer/block/7` has `['block', '7']`. */
  readonly rest: readonly string[]
  readonly query: URLSearchParams
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}

/** Undefined for an address that is none of the page's. */
export function routeOf({ pathname, search }: Pick<URL, 'pathname' | 'search'>): Route | undefined {
  const [first = '', ...rest] = pathname.slice(1).split('/').map(decoded)
  const name = ROUTES.find((route) => route === first)
  if (name === undefined || (name === '' && pathname !== '/')) return undefined
  return { name, rest: rest.filter((part) => part !== ''), query: new URLSearchParams(search) }
}

/** `/explorer/block/7`; the parts may hold anything. */
export function addressOf(
  name: RouteName,
  rest: readonly (string | number)[] = [],
  query: Readonly<Record<string, string>> = {},
): string {
  const path = [name, ...rest.map((part) => encodeURIComponent(String(part)))].join('/')
  const text = new URLSearchParams(query).toString()
  return `/${path}${text === '' ? '' : `?${text}`}`
}
