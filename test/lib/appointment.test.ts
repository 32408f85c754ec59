import test from 'ava';
import { Appointment } from '../../src/lib/appointment.ts';
import { manualClock } from '../support/manual-clock.ts';

test('it happens once, when it was set to last; no moment and a past one are fine', (t) => {
  const clock = manualClock();
  const happened: number[] = [];
  const appointment = new Appointment(clock, () => happened.push(clock.monotonic()));
  t.is(appointment.at, Infinity);
  appointment.set(100);
  appointment.set(50);
  t.is(appointment.at, 50);
  t.is(clock.pending, 1);
  clock.advance(200);
  t.deepEqual(happened, [50]);
  t.is(appointment.at, Infinity);
  appointment.set(10);
  clock.advance(0);
  t.deepEqual(happened, [50, 200]);
  appointment.set(300);
  appointment.set(Infinity);
  appointment.set(400);
  appointment.cancel();
  t.is(clock.pending, 0);
});

test('what happens may set it again', (t) => {
  const clock = manualClock();
  let left = 3;
  const appointment = new Appointment(clock, () => {
    left -= 1;
    if (left > 0) appointment.set(clock.monotonic() + 10);
  });
  appointment.set(10);
  clock.advance(100);
  t.is(left, 0);
});
