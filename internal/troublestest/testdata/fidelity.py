"""Users of an SQLAlchemy engine who hardly rest, seen from the engine and from the server: prints both means.

URL goes over the slow wire, DIRECT does not, NAME is the application_name; arguments: asyncpg or psycopg2, 0 or 1 for pre-ping, seconds.
"""

import asyncio
import os
import random
import sys
import threading
import time

import psycopg2
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine

DRIVER, PING, SECONDS = sys.argv[1], sys.argv[2] == "1", float(sys.argv[3])
NAME = os.environ["NAME"]
USERS = 4
READ = text("SELECT 1")
options = {"pool_size": USERS, "pool_pre_ping": PING}
address = os.environ["URL"].split("://")[1]
end = threading.Event()


def sync_user(engine):
    while not end.is_set():
        with engine.connect() as c:
            c.execute(READ)
            c.execute(READ)


async def async_users(engine):
    async def user():
        while not end.is_set():
            async with engine.connect() as c:
                await c.execute(READ)
                await c.execute(READ)

    await asyncio.gather(*(user() for _ in range(USERS)))


if DRIVER == "asyncpg":
    engine = create_async_engine(
        "postgresql+asyncpg://" + address, connect_args={"server_settings": {"application_name": NAME}}, **options
    )
    pool, users = engine.sync_engine.pool, [threading.Thread(target=asyncio.run, args=(async_users(engine),))]
else:
    engine = create_engine("postgresql+psycopg2://" + address, connect_args={"application_name": NAME}, **options)
    pool, users = engine.pool, [threading.Thread(target=sync_user, args=(engine,)) for _ in range(USERS)]

server = psycopg2.connect(os.environ["DIRECT"])
server.autocommit = True
count = server.cursor()
for user in users:
    user.start()
time.sleep(3)  # every connection is open
checkedout = active = 0
until = time.monotonic() + SECONDS
while time.monotonic() < until:
    count.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND state <> 'idle'", (NAME,))
    active += count.fetchone()[0]
    checkedout += pool.checkedout()
    time.sleep(random.uniform(0.005, 0.025))
end.set()
for user in users:
    user.join()
print(active, checkedout)
