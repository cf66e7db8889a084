// The views, each loaded when it is first shown. A view is one line here and one folder.
import type { TemplateResult } from 'lit'
import type { Route, RouteName } from '../routes.ts'

/** What a view's module exports. */
export interface ViewModule {
  /** For the window's title. */
  readonly title: (route: Route) => string
  /** One element that reads the route from its property. */
  readonly render: (route: Route) => TemplateResult
}

export interface ViewEntry {
  /** Its name in the words of the frame. */
  readonly label: 'reserves' | 'verify' | 'explorer' | 'wallet' | 'operator' | 'console'
  readonly load: () => Promise<ViewModule>
}

/** In the order of the navigation. */
export const VIEWS: { readonly [name in RouteName]?: ViewEntry } = {
  '': { label: 'reserves', load: () => import('../reserves/view.ts') },
  verify: { label: 'verify', load: () => import('../verify/view.ts') },
  explorer: { label: 'explorer', load: () => import('../explorer/view.ts') },
}
