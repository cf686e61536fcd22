"""Asks PostgreSQL by SQLAlchemy's ORM."""

REQUIRES = ["sqlalchemy", "psycopg[binary]"]


def main(ports):
    from sqlalchemy import create_engine, select
    from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

    class Base(DeclarativeBase):
        pass

    class Note(Base):
        __tablename__ = "sqlalchemy_notes"
        id: Mapped[int] = mapped_column(primary_key=True)
        text: Mapped[str]

    engine = create_engine(f"postgresql+psycopg://hognose:secret@127.0.0.1:{ports['postgres']}/postgres")
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Note(text="one"), Note(text="two")])
        session.commit()
        found = session.scalars(select(Note.text).order_by(Note.id.desc())).all()
    engine.dispose()
    assert found == ["two", "one"], found
