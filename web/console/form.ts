// The form of a method's parameters. Owns: the fields of each shape, nested to any depth that draft.ts allows. Not: what they mean.
import { html, type TemplateResult } from 'lit'
import type { JsonSchema } from '../../base/field.ts'
import { words } from '../words/language.ts'
import { type Draft, type DraftList, type DraftObject, ITEMS_MAX, type Shape, shapeOf } from './draft.ts'
import { consoleMessages } from './messages.ts'

type Resolve = (schema: JsonSchema) => JsonSchema

interface Field {
  /** Unique in the page. */
  readonly id: string
  readonly name: string
  readonly isRequired: boolean
  readonly schema: JsonSchema
  readonly draft: Draft
  readonly depth: number
  readonly onChange: (draft: Draft) => void
}

const TEXT_MAX = 200_000

export function fieldOf(field: Field, resolve: Resolve): TemplateResult {
  const shape = shapeOf(field.schema, resolve, field.depth)
  switch (shape.kind) {
    case 'list':
      return list(field, shape, resolve)
    case 'object':
      return object(field, shape, resolve)
    default:
      return single(field, shape)
  }
}

function labelOf({ id, name, isRequired }: Field, hint = ''): TemplateResult {
  const m = words(consoleMessages)
  return html`<label for=${id}
    ><span class="mono">${name}</span>
    <span class="soft small">${isRequired ? m.required : m.optional}${hint === '' ? '' : ` · ${hint}`}</span></label
  >`
}

/** What a value looks like, in few words of its schema. */
function hintOf({ schema }: Field): string {
  if (typeof schema.pattern === 'string' && schema.pattern.length < 40) return schema.pattern
  return typeof schema.type === 'string' ? schema.type : ''
}

function single(field: Field, shape: Exclude<Shape, { readonly kind: 'list' | 'object' }>): TemplateResult {
  const m = words(consoleMessages)
  const { id, draft, isRequired, onChange } = field
  const value = typeof draft === 'string' ? draft : ''
  const onInput = (event: Event): void =>
    onChange((event.target as HTMLInputElement).value.slice(0, TEXT_MAX))
  if (shape.kind === 'choice') {
    return html`<div class="field">
      ${labelOf(field)}
      <select id=${id} .value=${value} @change=${onInput}>
        <option value="" ?selected=${value === ''}>${isRequired ? '' : m.leftOut}</option>
        ${shape.values.map(
          (one) =>
            html`<option value=${String(one)} ?selected=${value === String(one)}>${String(one)}</option>`,
        )}
      </select>
    </div>`
  }
  if (shape.kind === 'json') {
    return html`<div class="field">
      ${labelOf(field, m.jsonHint)}
      <textarea id=${id} class="mono" rows="3" spellcheck="false" .value=${value} @input=${onInput}></textarea>
    </div>`
  }
  const { hints, isNumber, isText } = shape
  return html`<div class="field">
    ${labelOf(field, hintOf(field))}
    <input
      id=${id}
      class="mono"
      autocomplete="off"
      autocapitalize="off"
      spellcheck="false"
      inputmode=${isNumber && !isText ? 'numeric' : 'text'}
      list=${hints.length === 0 ? '' : `${id}-hints`}
      .value=${value}
      @input=${onInput}
    />
    ${
      hints.length === 0
        ? ''
        : html`<datalist id="${id}-hints">${hints.map((hint) => html`<option value=${hint}></option>`)}</datalist>`
    }
  </div>`
}

function groupLegend({ name, isRequired }: Field): TemplateResult {
  const m = words(consoleMessages)
  return html`<legend><span class="mono">${name}</span> <span class="soft small">${isRequired ? m.required : m.optional}</span></legend>`
}

function list(field: Field, shape: Shape & { readonly kind: 'list' }, resolve: Resolve): TemplateResult {
  const m = words(consoleMessages)
  const items: DraftList = Array.isArray(field.draft) ? (field.draft as DraftList) : []
  const { name, depth, onChange } = field
  const most = Math.min(shape.most, ITEMS_MAX)
  return html`<fieldset class="group">
    ${groupLegend(field)}
    ${items.map(
      (draft, i) => html`<div class="item">
        ${fieldOf(
          {
            id: `${field.id}-${i}`,
            name: `${name} ${i}`,
            isRequired: true,
            schema: shape.item,
            draft,
            depth: depth + 1,
            onChange: (next) => onChange(items.map((one, at) => (at === i ? next : one))),
          },
          resolve,
        )}
        <button
          type="button"
          class="plain small"
          aria-label="${m.removeItem} ${name} ${i}"
          @click=${() => onChange(items.filter((_, at) => at !== i))}
        >
          ${m.removeItem}
        </button>
      </div>`,
    )}
    <div>
      <button
        type="button"
        class="small"
        aria-label="${m.addItem} ${name}"
        ?disabled=${items.length >= most}
        @click=${() => onChange([...items, undefined])}
      >
        ${m.addItem}
      </button>
    </div>
  </fieldset>`
}

function object(field: Field, shape: Shape & { readonly kind: 'object' }, resolve: Resolve): TemplateResult {
  const { draft, depth, onChange } = field
  const members: DraftObject =
    typeof draft === 'object' && !Array.isArray(draft) ? (draft as DraftObject) : {}
  return html`<fieldset class="group">
    ${groupLegend(field)}
    ${shape.members.map(({ name, isRequired, schema }) =>
      fieldOf(
        {
          id: `${field.id}-${name}`,
          name,
          isRequired,
          schema,
          draft: members[name],
          depth: depth + 1,
          onChange: (next) => onChange({ ...members, [name]: next }),
        },
        resolve,
      ),
    )}
  </fieldset>`
}
