// Package calendar counts days the way Chinese administrative law does: in the
// time of Beijing, from the day after the starting day, over working days that
// the State Council's office announces year by year. Holidays are data, not a
// formula; without the year's data it refuses to compute.
package calendar
