-- One row per route that was flown at least five times: how far, how often, by whom, how late. conf/task/routes.yaml asks.
select
    f.origin,
    f.dest,
    avg(f.distance) as distance,
    count(*) as flights,
    count(distinct f.carrier) as carriers,
    avg(f.hour) as hour,
    avg((isodow(make_date(f.year, f.month, f.day)) > 5)::integer) as weekend_share,
    avg(p.seats) as seats,
    avg(f.dep_delay) as dep_delay,
    avg(f.arr_delay) as arr_delay,
    avg((f.arr_delay > 15)::integer) as late_share,
    avg((f.dep_time is null)::integer) as cancelled_share
from flights as f
left join planes as p using (tailnum)
group by f.origin, f.dest
having count(*) >= 5 and avg(f.arr_delay) is not null
