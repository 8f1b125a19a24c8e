-- One row per flight that arrived: what is known before departure, and three answers that conf/task/ asks for.
-- What else is only known afterwards (dep_time, dep_delay, arr_time, air_time) stays out: it would leak.
select
    f.time_hour + to_minutes(coalesce(f.minute, 0)) as scheduled_departure,
    f.origin,
    f.carrier,
    f.flight,
    f.dest,
    f.distance,
    isodow(make_date(f.year, f.month, f.day)) as weekday,
    f.hour,
    f.sched_dep_time // 100 * 60 + f.sched_dep_time % 100 as departure_minute,
    f.sched_arr_time // 100 * 60 + f.sched_arr_time % 100 as arrival_minute,
    w.temp,
    w.dewp,
    w.humid,
    w.wind_dir,
    w.wind_speed,
    w.precip,
    w.pressure,
    w.visib,
    p.manufacturer,
    p.seats,
    f.year - p.year as plane_age,
    case when f.arr_delay > 15 then 'late' else 'on_time' end as late,
    f.arr_delay as delay,
    case
        when f.arr_delay <= 15 then 'on_time'
        when f.dep_delay > 15 then 'left_late'
        else 'slow_on_the_way'
    end as delay_kind
from flights as f
left join weather as w using (origin, time_hour)
left join planes as p using (tailnum)
where f.arr_delay is not null
