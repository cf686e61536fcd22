"""Maps objects to a database in memory."""

REQUIRES = ["sqlalchemy"]


def main(port):
    from sqlalchemy import String, create_engine, select
    from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

    class Base(DeclarativeBase):
        pass

    class City(Base):
        __tablename__ = "city"
        name: Mapped[str] = mapped_column(String(30), primary_key=True)

    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([City(name="Oslo"), City(name="Rome")])
        session.commit()
        assert session.scalars(select(City.name).order_by(City.name)).all() == ["Oslo", "Rome"]
