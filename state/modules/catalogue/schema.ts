// Definition of the catalogue: hardware classes and their ratings.
import type { InferFields } from '../../../base/field.ts'
import { defineModule } from '../../../base/moduleDefinition.ts'
import { param } from '../../../base/parameters.ts'
import { message, t } from '../../../base/schema.ts'

/** Classes the catalogue may hold. */
export const CLASSES_MAX = 1024
/** Services in the order of the rating fields. */
export const SERVICES = ['train', 'finetune', 'infer'] as const
export type Service = (typeof SERVICES)[number]

const classFields = {
  /** Catalogue name, e.g. `h100-sxm`; unique. */
  slug: t.text(32),
  vendor: t.text(32),
  model: t.text(64),
  memoryGb: t.u32,
  /** Published ratings in ppm of the reference device. */
  trainPpm: t.ppm,
  finetunePpm: t.ppm,
  inferPpm: t.ppm,
  /** The ratings rest on no benchmark of any service. */
  specOnly: t.bool,
  /** SHA-256 of the evidence for the ratings. */
  evidenceHash: t.hash,
}

export const ratingsSchema = message('Ratings', { train: t.ppm, finetune: t.ppm, infer: t.ppm })

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
  },
  errors: {},
  events: {},
  actions: {},
  queries: {
    class: { args: { id: t.u32 }, returns: t.optional(classInfo), doc: 'A hardware class, or null.' },
    classes: { args: {}, returns: t.list(classInfo, CLASSES_MAX), doc: 'All hardware classes by id.' },
    rating: {
      args: { id: t.u32 },
      returns: t.optional(ratingsSchema),
      doc: 'Ratings that count, ppm per service, or null.',
    },
  },
})

export type HardwareClass = InferFields<(typeof catalogueSchema)['records']['class']['value']>
