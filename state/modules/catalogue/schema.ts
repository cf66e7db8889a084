// Definition of the catalogue: hardware classes and their ratings.
import type { InferFields } from '../../../base/field.ts'
import { defineModule } from '../../../base/moduleDefinition.ts'
import { atMost, param } from '../../../base/parameters.ts'
import { indexed, message, t } from '../../../base/schema.ts'
import { PPM } from '../../../base/units.ts'

/** Classes the catalogue may hold. */
export const CLASSES_MAX = 1024
/** Largest rating, ppm: a million reference devices. Products with it stay within a ledger cell. */
export const RATING_MAX = 10n ** 12n
/** Largest rating that genesis and governance may publish, ppm: ten thousand reference devices. */
export const PUBLISHED_RATING_MAX = 10n ** 10n
/** Services in the order of the rating fields. */
export const SERVICES = ['train', 'finetune', 'infer'] as const
export type Service = (typeof SERVICES)[number]

/** What a class is rated at, and by which evidence. */
export const ratedFields = {
  /** Published ratings in ppm of the reference device. */
  trainPpm: t.ppm,
  finetunePpm: t.ppm,
  inferPpm: t.ppm,
  /** The ratings rest on no benchmark of any service. */
  specOnly: t.bool,
  /** SHA-256 of the evidence for the ratings. */
  evidenceHash: t.hash,
}

export const classFields = {
  /** Catalogue name, e.g. `h100-sxm`; unique. */
  slug: t.text(32),
  vendor: t.text(32),
  model: t.text(64),
  memoryGb: t.u32,
  ...ratedFields,
}

/** Measurements that one class may have. */
export const REFERENCES_MAX = 32
const REFERENCE_TOKENS_MAX = 10 ** 15

const referenceFields = {
  /** `llama2-70b`. */
  model: t.text(64),
  /** Tokens that one device makes of it in an hour; those of the prompts are not counted. */
  tokensPerHour: t.u64,
  /** Suite, round, benchmark and scenario; classes compare only within one round. */
  source: t.text(160),
}

/** A published throughput: what an hour of one device is worth in tokens of a named model. */
export const referenceSchema = message('ModelReference', referenceFields)
export type ModelReference = ReturnType<typeof referenceSchema.decode>

/** Why references cannot be those of a class, or undefined. */
export function referencesFault(references: readonly ModelReference[]): string | undefined {
  const models = references.map(({ model }) => model)
  if (references.length > REFERENCES_MAX) return `more than ${REFERENCES_MAX} references`
  if (new Set(models).size !== models.length) return 'two references of one model'
  const wrong = references.find(
    ({ model, tokensPerHour }) => model === '' || tokensPerHour < 1 || tokensPerHour > REFERENCE_TOKENS_MAX,
  )
  return wrong === undefined ? undefined : `reference ${wrong.model}: ${wrong.tokensPerHour} tokens`
}

/** A reference with its class. */
const referenceInfo = message('ClassReference', { classId: t.u32, ...referenceFields })

export const ratingsSchema = message('Ratings', { train: t.ppm, finetune: t.ppm, infer: t.ppm })

const raiseFields = {
  /** Ratings that a pledge has before `fromWindow`, where the class’s own are higher. */
  before: ratingsSchema,
  fromWindow: t.u64,
}

export const classInfo = message('HardwareClass', {
  id: t.u32,
  ...classFields,
  /** What counts: spec-only ratings reduced by the `specOnlyPpm` parameter. */
  effective: ratingsSchema,
})

export const catalogueSchema = defineModule({
  name: 'catalogue',
  id: 3,
  doc: 'Hardware classes with ratings per service, in ppm of the reference device (H100 SXM).',
  params: {
    specOnlyPpm: param({
      field: t.ppm,
      doc: 'Factor of ratings without a benchmark, ppm.',
      main: 750_000n,
      check: atMost(PPM, 'ppm'),
    }),
  },
  records: {
    class: { id: 1, key: { id: t.u32 }, value: classFields, doc: 'A hardware class.' },
    index: {
      id: 2,
      key: {},
      value: { classes: t.list(t.u32, CLASSES_MAX) },
      doc: 'Ids of all classes, ascending.',
    },
    raise: {
      id: 3,
      key: { id: t.u32 },
      value: raiseFields,
      doc: 'The latest raise of a class’s ratings: what pledges have before it reaches them.',
    },
    references: {
      id: 4,
      key: { id: t.u32 },
      value: { references: t.list(referenceSchema, REFERENCES_MAX) },
      doc: 'Published throughputs of a class by model; absent where there are none.',
    },
  },
  errors: {},
  events: {
    ClassAdded: { classId: indexed(t.u32), slug: t.text(32) },
    /** Pledged lots keep lower ratings; raised ones are for pledges from `pledgesFrom` on, a window index. */
    ClassRated: {
      classId: indexed(t.u32),
      trainPpm: t.ppm,
      finetunePpm: t.ppm,
      inferPpm: t.ppm,
      specOnly: t.bool,
      pledgesFrom: t.u64,
    },
  },
  actions: {},
  queries: {
    class: { args: { id: t.u32 }, returns: t.optional(classInfo), doc: 'A hardware class, or null.' },
    classes: { args: {}, returns: t.list(classInfo, CLASSES_MAX), doc: 'All hardware classes by id.' },
    rating: {
      args: { id: t.u32 },
      returns: t.optional(ratingsSchema),
      doc: 'Ratings that count, ppm per service, or null.',
    },
    raise: {
      args: { id: t.u32 },
      returns: t.optional(message('Raise', raiseFields)),
      doc: 'The latest raise of a class’s ratings, and from which window on pledges have it; null without one.',
    },
    references: {
      args: {},
      returns: t.list(referenceInfo, CLASSES_MAX * REFERENCES_MAX),
      doc: 'Published throughputs, by class and model: what tariffs are compared with.',
    },
  },
})

export type Raise = InferFields<(typeof catalogueSchema)['records']['raise']['value']>
export type HardwareClass = InferFields<(typeof catalogueSchema)['records']['class']['value']>
