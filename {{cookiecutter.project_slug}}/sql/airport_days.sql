-- One row per airport and day: its weather, and how its flights left. conf/task/airport_days.yaml asks.
with days as (
    select
        origin,
        make_date(year, month, day) as day,
        count(*) as flights,
        avg(dep_delay) as dep_delay,
        max(dep_delay) as longest_delay,
        avg((dep_delay > 15)::integer) as late_share,
        avg((dep_time is null)::integer) as cancelled_share
    from flights
    group by all
),
skies as (
    select
        origin,
        make_date(year, month, day) as day,
        avg(temp) as temp,
        avg(wind_speed) as wind_speed,
        sum(precip) as precip,
        min(visib) as visib,
        avg(pressure) as pressure
    from weather
    group by all
)
select *
from days
left join skies using (origin, day)
