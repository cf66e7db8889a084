// ECONOMY §6, Fault: what a fault returned un-books later-numbered reservations, from the latest down, until it fits.
import { lotGroups } from './capacity.ts'
import { groupOf } from './coverage.ts'
import { giveBack, takeBack } from './delivery.ts'
import { enqueue, lastWindowOf, mayServe, meets, openWindows } from './queue.ts'
import type { Assignment, Place, World } from './world.ts'

/** The earliest place whose coins a fault has returned and that still waits. To be asked when nothing more matches. */
function placeInNeed(world: World): Place | undefined {
  return world.places.find(({ sequence }) => world.returnedPlaces.has(sequence))
}

/** The latest reservation behind a place that holds hours which the place may use; granted or not. */
export function latestToUnbook(world: World): Assignment | undefined {
  const place = placeInNeed(world)
  if (place === undefined) return undefined
  const { unbooking } = world
  return world.assignments
    .filter((a) => a.isOpen && a.sequence > place.sequence && mayUse(world, place, a))
    .filter((a) => unbooking?.for !== place.sequence || isLater(unbooking.last, a))
    .sort((a, b) => (isLater(a, b) ? -1 : 1))[0]
}

type Numbered = Pick<Assignment, 'sequence' | 'number'>

const isLater = (a: Numbered, b: Numbered): boolean =>
  a.sequence > b.sequence || (a.sequence === b.sequence && a.number > b.number)

/** Whether the hours of a reservation, in a window not begun, are of a kind that a place may be served with. */
function mayUse(world: World, place: Place, a: Assignment): boolean {
  const request = world.requests.get(place.request)!
  const last = lastWindowOf(world, request)
  const group = lotGroups(world).find(({ key }) => key === a.lotGroup)
  return (
    openWindows(world).includes(a.window) &&
    (last === 0 || a.window <= last) &&
    group !== undefined &&
    meets(world, group, request) &&
    mayServe(world, group.provider) &&
    !request.excluded.has(groupOf(world.providers.get(group.provider)!))
  )
}

/** Gives up a reservation for the earliest place in need: its coins return to their number. What was granted of it never ran. */
export function unbook(world: World, assignment: Assignment): void {
  const { sequence, number, request } = assignment
  const inNeed = placeInNeed(world)!.sequence
  // Those before it have hours again.
  for (const place of world.returnedPlaces) if (place < inNeed) world.returnedPlaces.delete(place)
  world.unbooking = { for: inNeed, last: { sequence, number } }
  assignment.granted = false
  giveBack(world, assignment)
  enqueue(world, request, sequence, takeBack(assignment))
}

/** Forgets the places up to the earliest in need, which nothing can be un-booked for; all of them when none is. */
export function settleReturned(world: World): void {
  const inNeed = placeInNeed(world)?.sequence ?? Number.MAX_SAFE_INTEGER
  for (const sequence of world.returnedPlaces) if (sequence <= inNeed) world.returnedPlaces.delete(sequence)
  delete world.unbooking
}
