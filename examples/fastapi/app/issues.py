"""GET /api/issues: one page of the list, newest change first."""

from datetime import datetime
from typing import Literal, Optional

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel
from sqlalchemy import func, select

from .config import MAX_HOLD
from .models import Comment, Issue, User

router = APIRouter()

_MAX_INT4 = 2**31 - 1

Status = Literal["open", "in_progress", "review", "done"]


class IssueItem(BaseModel):
    id: int
    project_id: int
    title: str
    status: str
    priority: int
    assignee: Optional[str]
    comments: int
    created_at: datetime
    updated_at: datetime


class IssuePage(BaseModel):
    items: list[IssueItem]
    total: int  # issues that match the filter, on all pages


@router.get("/api/issues", response_model=IssuePage)
async def list_issues(
    request: Request,
    project: Optional[int] = Query(None, ge=1, le=_MAX_INT4),
    status: Optional[Status] = None,
    limit: int = Query(20, ge=1, le=100),
    offset: int = Query(0, ge=0, le=_MAX_INT4),
    hold: Optional[float] = Query(None, ge=0, le=MAX_HOLD),
):
    """Lists issues; hold (seconds) is for load tests and replaces the setting HOLD."""
    filters = _filters(project, status)
    hold = request.app.state.settings.HOLD if hold is None else hold

    async with request.app.state.sessions() as session:
        rows = await session.execute(_page(filters, limit, offset))
        total = await session.scalar(select(func.count()).select_from(Issue).where(*filters))
        if hold:
            await session.execute(select(func.pg_sleep(hold)))

    return {"items": [dict(row._mapping) for row in rows], "total": total}


def _filters(project, status):
    filters = []
    if project is not None:
        filters.append(Issue.project_id == project)
    if status is not None:
        filters.append(Issue.status == status)
    return filters


def _page(filters, limit, offset):
    """Takes the page first, so that only its rows are joined and counted."""
    newest_first = Issue.updated_at.desc(), Issue.id.desc()
    page = select(Issue).where(*filters).order_by(*newest_first).limit(limit).offset(offset).subquery()
    comments = (
        select(func.count())
        .select_from(Comment)
        .where(Comment.issue_id == page.c.id)
        .scalar_subquery()
    )
    return (
        select(
            page.c.id,
            page.c.project_id,
            page.c.title,
            page.c.status,
            page.c.priority,
            User.name.label("assignee"),
            comments.label("comments"),
            page.c.created_at,
            page.c.updated_at,
        )
        .select_from(page.outerjoin(User, User.id == page.c.assignee_id))
        .order_by(page.c.updated_at.desc(), page.c.id.desc())
    )
