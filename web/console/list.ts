// The list of methods by namespace, narrowed by a search.
import { html, nothing, type TemplateResult } from 'lit'
import { addressOf } from '../routes.ts'
import { count } from '../words/format.ts'
import { words } from '../words/language.ts'
import { consoleMessages } from './messages.ts'
import { type Description, type MethodText, spaceOf } from './openrpc.ts'

const SEARCH_MAX = 80

/** In a method's name, or each word somewhere in its description. */
function matches({ name, summary }: MethodText, search: string): boolean {
  const text = `${name} ${summary}`.toLowerCase()
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word))
}

function bySpace(methods: readonly MethodText[]): ReadonlyMap<string, readonly MethodText[]> {
  const spaces = new Map<string, MethodText[]>()
  for (const method of methods) {
    const space = spaceOf(method.name)
    const known = spaces.get(space)
    if (known === undefined) spaces.set(space, [method])
    else known.push(method)
  }
  return spaces
}

export function methodList(options: {
  readonly description: Description
  readonly current: string | undefined
  readonly search: string
  readonly onSearch: (text: string) => void
}): TemplateResult {
  const m = words(consoleMessages)
  const { description, current, search, onSearch } = options
  const found = [...description.methods.values()].filter((method) => matches(method, search.trim()))
  const onInput = (event: Event): void => onSearch((event.target as HTMLInputElement).value)
  return html`<nav aria-label=${m.methods}>
    <div class="field">
      <label for="method-search">${m.search}</label>
      <input id="method-search" type="search" maxlength=${SEARCH_MAX} .value=${search} @input=${onInput} />
      <span class="soft small" role="status">${found.length === 0 ? m.none : m.found(count(found.length))}</span>
    </div>
    <div class="methods" tabindex="0" role="region" aria-label=${m.methods}>
      ${[...bySpace(found)].map(
        ([space, methods]) => html`<h2>${space}</h2>
          <ul>
            ${methods.map(
              ({ name }) => html`<li>
                <a href=${addressOf('console', [name])} aria-current=${name === current ? 'page' : nothing}>${name}</a>
              </li>`,
            )}
          </ul>`,
      )}
    </div>
  </nav>`
}
