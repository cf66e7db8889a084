// Refusals in the form of OpenAI's API. Owns: status, type and code of each. Not: sending them (http.ts).
import { EngineError } from './engine.ts'
import { InputError } from './input.ts'

export interface ErrorBody {
  readonly error: {
    readonly message: string
    readonly type: string
    readonly param: string | null
    readonly code: string | null
  }
}

interface Fields {
  readonly status: number
  readonly message: string
  readonly code: string
  readonly param?: string
}

export class ApiError extends Error {
  readonly status: number
  readonly code: string
  readonly body: ErrorBody
  constructor({ status, message, code, param }: Fields) {
    super(message)
    this.name = 'ApiError'
    this.status = status
    this.code = code
    const type = status >= 500 ? 'server_error' : 'invalid_request_error'
    this.body = { error: { message, type, param: param ?? null, code } }
  }
}

export const notFound = (path: string): ApiError =>
  new ApiError({ status: 404, code: 'not_found', message: `nothing is served at ${path}` })

export const noModel = (name: string): ApiError =>
  new ApiError({
    status: 404,
    code: 'model_not_found',
    param: 'model',
    message: `The model '${name}' does not exist`,
  })

/** What a caller is told of anything thrown while it was served; `undefined` for a bug. */
export function asApiError(error: unknown): ApiError | undefined {
  if (error instanceof ApiError) return error
  if (error instanceof InputError)
    return new ApiError({ status: 400, code: 'invalid_value', param: error.param, message: error.message })
  if (!(error instanceof EngineError)) return undefined
  const code = error.code === 'Overloaded' ? 'overloaded' : 'unavailable'
  return new ApiError({ status: 503, code, message: error.message })
}
